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

{{- define "longhaul.placement" -}}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
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
  "secrets" list
  "volumes" (list "emptyDir" "csi:gcsfuse.csi.storage.gke.io")
  "reservedLabels" (list "app.kubernetes.io/*" "longhaul.dev/*")
  "podSecurity" "restricted"
  "commands" list
  "webhooks" (list "*_WEBHOOK")
-}}
{{ toYaml (mustMergeOverwrite $own (deepCopy .Values.policy)) }}
{{- end }}
