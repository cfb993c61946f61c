{{- define "longhaul.labels" -}}
app.kubernetes.io/name: longhaul
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: longhaul
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "longhaul.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "longhaul.image" -}}
{{ printf "%s:%s" .image.repository (.image.tag | default .root.Chart.AppVersion | toString) }}
{{- end }}

{{/* The build of the control workers, by which Temporal tells them apart. */}}
{{- define "longhaul.build" -}}
{{ .Values.workers.control.buildId | default .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* The same as a part of names and labels; the digest tells builds apart that are spelled alike there. */}}
{{- define "longhaul.buildName" -}}
{{- $build := include "longhaul.build" . -}}
{{ printf "%s-%s" (regexReplaceAll "[^a-z0-9]+" (lower $build) "-" | trunc 24 | trimAll "-" | default "build") (sha256sum $build | trunc 6) }}
{{- end }}

{{- define "longhaul.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "longhaul.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "longhaul.environment" -}}
- { name: HOME, value: /tmp }
- { name: LONGHAUL_CACHE, value: /tmp/longhaul }
{{- with .Values.team }}
- { name: LONGHAUL_TEAM, value: {{ . | quote }} }
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "longhaul.environmentFrom" -}}
- secretRef: { name: {{ .Values.temporal.existingSecret }} }
{{- with .Values.envFrom }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Where a pod runs: what its part says, or all parts have. */}}
{{- define "longhaul.placement" -}}
{{- $part := .part | default dict -}}
{{- $root := .root -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "priorityClassName" }}
{{- with (get $part $key | default (get $root.Values $key)) }}
{{ toYaml (dict $key .) }}
{{- end }}
{{- end }}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Labels of pods; the chart's own come last, and hold. */}}
{{- define "longhaul.podLabels" -}}
{{- $own := fromYaml (include "longhaul.labels" .root) -}}
{{ toYaml (mustMergeOverwrite (deepCopy (.root.Values.podLabels | default dict)) $own (dict "app.kubernetes.io/component" .component)) }}
{{- end }}

{{/* Name of the account of a part: its own, or the one that workers share. */}}
{{- define "longhaul.account" -}}
{{- $own := (.part | default dict).serviceAccount | default dict -}}
{{- if $own.name -}}
{{ $own.name }}
{{- else if $own.create -}}
{{ printf "%s-%s" .root.Release.Name .component }}
{{- else -}}
{{ .root.Values.serviceAccount.name | default .root.Release.Name }}
{{- end -}}
{{- end }}

{{- define "longhaul.volumes" -}}
{{- $scratch := mustMergeOverwrite (deepCopy .root.Values.scratch) ((.part | default dict).scratch | default dict) -}}
{{- if $scratch.storageClass -}}
- name: tmp
  ephemeral:
    volumeClaimTemplate:
      spec:
        accessModes: [ReadWriteOnce]
        storageClassName: {{ $scratch.storageClass }}
        resources: { requests: { storage: {{ $scratch.sizeLimit }} } }
{{- else -}}
- { name: tmp, emptyDir: { sizeLimit: {{ $scratch.sizeLimit }} } }
{{- end }}
{{- with .root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "longhaul.mounts" -}}
- { name: tmp, mountPath: /tmp }
{{- with .root.Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Secret with the key that replicas of the console sign sessions with; empty: there is one replica, which makes a key for itself. */}}
{{- define "longhaul.consoleSessions" -}}
{{- if .Values.console.sessionSecret -}}
{{ .Values.console.sessionSecret }}
{{- else if gt (int .Values.console.replicas) 1 -}}
{{ .Release.Name }}-console-sessions
{{- end -}}
{{- end }}

{{/* Secret with the tokens of the console; empty: people sign in in another way. */}}
{{- define "longhaul.consoleTokens" -}}
{{- $args := join " " .Values.console.args -}}
{{- if .Values.console.tokenSecret -}}
{{ .Values.console.tokenSecret }}
{{- else if not (regexMatch "--(iap|jwks|token-file)\\b" $args) -}}
{{ .Release.Name }}-console-tokens
{{- end -}}
{{- end }}

{{/* Names under which browsers reach the console, as its arguments. */}}
{{- define "longhaul.consoleHosts" -}}
{{- $ingress := .Values.console.ingress | default dict -}}
{{- $route := .Values.console.httpRoute | default dict -}}
{{- $hosts := concat (ternary ($ingress.hosts | default list) list ($ingress.enabled | default false)) (ternary ($route.hostnames | default list) list ($route.enabled | default false)) -}}
{{- range $hosts }}
- --host-name
- {{ . }}
{{- end }}
{{- if or (and $ingress.enabled $ingress.tls) (and $route.enabled $route.https) }}
- --https
{{- end }}
{{- end }}

{{/* The rules that the chart knows itself, each of which `policy` may put another in the place of. */}}
{{- define "longhaul.policy" -}}
{{- if .Values.team -}}
{{- range $rule := list "buckets" "ledgers" -}}
{{- if not (hasKey $.Values.policy $rule) -}}
{{- fail (printf "team %s: policy.%s must say what is the team's own (docs/security.md)" $.Values.team $rule) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $images := list (printf "%s:*" .Values.trainerImage.repository) (printf "%s@*" .Values.trainerImage.repository) -}}
{{- $pulls := list -}}
{{- range .Values.imagePullSecrets }}{{ $pulls = append $pulls (printf "pull:%s" .name) }}{{ end -}}
{{- $own := dict
  "version" 1
  "computes" (list "kubernetes")
  "paths" list
  "endpoints" list
  "namespaces" (.Values.rbac.jobNamespaces | default (list .Release.Namespace))
  "serviceAccounts" (list .Values.trainerServiceAccount.name)
  "serviceAccountTokens" false
  "kubeconfigs" list
  "contexts" list
  "images" $images
  "priorityClasses" list
  "nodes" list
  "tolerations" (list "cloud.google.com/*" "kubernetes.io/arch" "nvidia.com/gpu" "amd.com/gpu" "longhaul.dev/*")
  "schedulers" (list "default-scheduler")
  "runtimeClasses" list
  "secrets" $pulls
  "pools" dict
  "volumes" (list "emptyDir" "csi:gcsfuse.csi.storage.gke.io")
  "reservedLabels" (list "app.kubernetes.io/*" "longhaul.dev/*")
  "ownSamplers" false
  "podSecurity" "restricted"
  "commands" list
  "webhooks" (list "*_WEBHOOK")
  "trackers" list
-}}
{{ toYaml (mustMergeOverwrite $own (deepCopy .Values.policy)) }}
{{- end }}
