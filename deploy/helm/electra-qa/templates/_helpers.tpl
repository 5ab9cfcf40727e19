{{/* Names, labels and what the Deployments of both parts share. */}}

{{- define "electra-qa.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "electra-qa.gateway" -}}{{ include "electra-qa.fullname" . }}-gateway{{- end -}}
{{- define "electra-qa.triton" -}}{{ include "electra-qa.fullname" . }}-triton{{- end -}}

{{/* Takes (list . "gateway"). */}}
{{- define "electra-qa.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ $root.Chart.Name }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "electra-qa.labels" -}}
{{- $root := index . 0 -}}
{{ include "electra-qa.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- end -}}

{{/* Takes (list . .Values.gateway.image). */}}
{{- define "electra-qa.image" -}}
{{- $root := index . 0 -}}{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default $root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* What the pod security standard "restricted" asks of a container, and a read-only root. */}}
{{- define "electra-qa.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The same for a pod. Takes the user's id. */}}
{{- define "electra-qa.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* Where the pods of a part may run. Takes (list . "gateway" .Values.gateway). */}}
{{- define "electra-qa.placement" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $part := index . 2 -}}
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $part.spread }}
topologySpreadConstraints:
{{- range . }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "electra-qa.selector" (list $root $name) | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end -}}

{{/* Metadata of a part's pods. Takes (list . "gateway" .Values.gateway). */}}
{{- define "electra-qa.podMetadata" -}}
{{- $part := index . 2 -}}
labels: {{- include "electra-qa.labels" . | nindent 2 }}
{{- with $part.podLabels }}
{{ toYaml . | indent 2 }}
{{- end }}
{{- with $part.podAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* HTTPS with a certificate, else HTTP, in capitals as probes have it. */}}
{{- define "electra-qa.scheme" -}}
{{ ternary "HTTPS" "HTTP" (ne .Values.gateway.tls.existingSecret "") }}
{{- end -}}

{{- define "electra-qa.serverName" -}}
{{ .Values.gateway.tls.serverName | default (printf "%s.%s.svc" (include "electra-qa.gateway" .) .Release.Namespace) }}
{{- end -}}

{{/* The DNS name that resolves to the address of every Triton. */}}
{{- define "electra-qa.tritonHost" -}}
{{ include "electra-qa.triton" . }}.{{ .Release.Namespace }}.svc
{{- end -}}

{{/* Up at once, at most doubling each minute; down slowly, as a Triton takes long to start again. */}}
{{- define "electra-qa.scaling" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  policies:
    - {type: Percent, value: 100, periodSeconds: 60}
    - {type: Pods, value: 2, periodSeconds: 60}
scaleDown:
  stabilizationWindowSeconds: 300
  policies:
    - {type: Percent, value: 20, periodSeconds: 60}
    - {type: Pods, value: 1, periodSeconds: 60}
{{- end -}}

{{/* The egress rule of a NetworkPolicy that allows DNS. */}}
{{- define "electra-qa.dns" -}}
to:
  - namespaceSelector: {}
    podSelector:
      matchLabels:
        k8s-app: kube-dns
  - ipBlock:  # node-local DNS caches listen on a link-local address
      cidr: 169.254.0.0/16
ports:
  - {port: 53, protocol: UDP}
  - {port: 53, protocol: TCP}
{{- end -}}

{{/* A command that asks the model, and fails when it does not answer. */}}
{{- define "electra-qa.inference" -}}
- curl
- --fail
- --silent
- --show-error
- --output
- /dev/null
- --max-time
- "30"
- --header
- "content-type: application/json"
- --data-binary
- "@/probe/window.json"
- http://127.0.0.1:8000/v2/models/{{ .Values.model }}/infer
{{- end -}}
