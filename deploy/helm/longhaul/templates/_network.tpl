{{- define "longhaul.ports" -}}
{{- $ports := list -}}
{{- range . }}{{ $ports = append $ports (dict "port" .) }}{{ end -}}
{{ toYaml $ports }}
{{- end }}

{{/* Where all pods may go: name servers, Google's APIs and its metadata server (workload identity), collectors of traces, and what the values add. */}}
{{- define "longhaul.egress" -}}
{{- $policy := .Values.networkPolicy -}}
- ports: [{ port: 53, protocol: UDP }, { port: 53, protocol: TCP }]
  {{- with $policy.dns }}
  to:
    {{- toYaml . | nindent 4 }}
    # Cloud DNS for GKE.
    - ipBlock: { cidr: 169.254.169.254/32 }
  {{- end }}
- ports: [{ port: 80 }, { port: 988 }]
  to: [{ ipBlock: { cidr: 169.254.169.252/32 } }, { ipBlock: { cidr: 169.254.169.254/32 } }]
{{- with $policy.googleApis }}
- ports: [{ port: 443 }]
  to:
    {{- range . }}
    - ipBlock: { cidr: {{ . }} }
    {{- end }}
{{- end }}
{{- with $policy.telemetry }}
- ports: {{- include "longhaul.ports" .ports | nindent 4 }}
  {{- with .to }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- with $policy.egressPorts }}
- ports: {{- include "longhaul.ports" . | nindent 4 }}
{{- end }}
{{- with $policy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
