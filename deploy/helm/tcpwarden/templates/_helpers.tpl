{{/* The name of the chart or what nameOverride says, as a label. */}}
{{- define "tcpwarden.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of the objects. Suffixes of at most 24 letters follow in some. */}}
{{- define "tcpwarden.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* The labels by which the objects find the pods. They never change in an upgrade. */}}
{{- define "tcpwarden.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tcpwarden.name" . }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* The labels of every object. */}}
{{- define "tcpwarden.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{ include "tcpwarden.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: agent
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "tcpwarden.image" -}}
{{- $image := .Values.image }}
{{- if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) }}
{{- end }}
{{- end }}

{{- define "tcpwarden.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "tcpwarden.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The address of --listen. */}}
{{- define "tcpwarden.listen" -}}
{{- if include "tcpwarden.isTcp" . }}
{{- printf "%s:%d" .Values.listen.address (int .Values.listen.port) }}
{{- else }}
{{- .Values.listen.address }}
{{- end }}
{{- end }}

{{/* Whether the agent serves TCP; empty where it serves a socket file. */}}
{{- define "tcpwarden.isTcp" -}}
{{- if not (hasPrefix "unix:" .Values.listen.address) }}true{{ end }}
{{- end }}

{{/* Whether only the same network namespace can ask; empty if not. */}}
{{- define "tcpwarden.isLoopback" -}}
{{- if regexMatch "^(127[.]|\\[::1\\])" .Values.listen.address }}true{{ end }}
{{- end }}

{{/* Whether clients must speak TLS; empty if not. */}}
{{- define "tcpwarden.isTls" -}}
{{- if and .Values.webConfig.secrets .Values.webConfig.tls }}true{{ end }}
{{- end }}

{{/* Where commands in the container ask: as the agent listens; all interfaces on loopback. */}}
{{- define "tcpwarden.agent" -}}
{{- $address := include "tcpwarden.listen" . }}
{{- if hasPrefix "0.0.0.0:" $address }}
{{- $address = trimPrefix "0.0.0.0:" $address | printf "127.0.0.1:%s" }}
{{- else if hasPrefix "[::]:" $address }}
{{- $address = trimPrefix "[::]:" $address | printf "[::1]:%s" }}
{{- end }}
{{- if include "tcpwarden.isTls" . }}https://{{ end }}{{ $address }}
{{- end }}

{{/* A quantity of memory in bytes; empty if there is none, or none that this reads. */}}
{{- define "tcpwarden.bytes" -}}
{{- $text := toString . }}
{{- if not (kindIs "string" .) }}{{ $text = printf "%d" (int64 .) }}{{ end }}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024
      "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 }}
{{- if regexMatch "^[0-9]+([.][0-9]+)?([kMGT]|[KMGT]i)?$" $text }}
{{- $number := regexFind "^[0-9.]+" $text | float64 }}
{{- $unit := get $units (regexFind "[a-zA-Z]*$" $text) }}
{{- mulf $number $unit | int64 }}
{{- end }}
{{- end }}

{{/*
The number of --max-connections; empty to leave the option out. As in agent/src/pressure/memory.rs:
31 MiB for the agent, 9 MiB for its rings, 192 bytes a row.
*/}}
{{- define "tcpwarden.maxConnections" -}}
{{- $given := int64 .Values.maxConnections }}
{{- $elsewhere := printf "%s %s %s" .Values.config (join " " .Values.extraArgs)
      (toJson .Values.extraEnv) }}
{{- $limit := "" }}
{{- with .Values.resources }}{{ with .limits }}{{ with .memory }}
{{- $limit = include "tcpwarden.bytes" . }}
{{- end }}{{ end }}{{ end }}
{{- if $given }}
{{- $given }}
{{- else if or (contains "max-connections" $elsewhere) (contains "MAX_CONNECTIONS" $elsewhere) }}
{{- else if $limit }}
{{- $rows := div (sub (int64 $limit) 41943040) 192 }}
{{- max 10000 (min 1000000 $rows) }}
{{- end }}
{{- end }}

{{/* Fails where two values contradict each other. */}}
{{- define "tcpwarden.checked" -}}
{{- $tcp := include "tcpwarden.isTcp" . }}
{{- $monitors := or .Values.podMonitor.enabled .Values.serviceMonitor.enabled }}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled }}
{{- fail "podMonitor and serviceMonitor are both enabled: each agent would be scraped twice" }}
{{- end }}
{{- if and $monitors (not $tcp) }}
{{- fail "listen.address is a socket file, which no Prometheus can scrape: disable the monitor" }}
{{- end }}
{{- if and $monitors (include "tcpwarden.isLoopback" .) }}
{{- fail "listen.address is loopback, which no Prometheus of the cluster can scrape" }}
{{- end }}
{{- if and (include "tcpwarden.isLoopback" .) (not .Values.hostNetwork) }}
{{- fail "listen.address is loopback: without hostNetwork probes fail; take a socket file" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.service.enabled) }}
{{- fail "serviceMonitor needs service.enabled" }}
{{- end }}
{{- if and .Values.webConfig.secrets (not $tcp) }}
{{- fail "webConfig is for a TCP address, and listen.address is a socket file" }}
{{- end }}
{{- if and .Values.networkPolicy.enabled .Values.hostNetwork }}
{{- fail "networkPolicy has no effect on pods with hostNetwork: set one of them to false" }}
{{- end }}
{{- end }}

{{/* How a probe asks: a list of the root and a path. */}}
{{- define "tcpwarden.probe" -}}
{{- $root := index . 0 }}
{{- $web := $root.Values.webConfig }}
{{- if and $web.secrets $web.authentication -}}
tcpSocket:
  port: metrics
  {{- if include "tcpwarden.isLoopback" $root }}
  host: {{ include "tcpwarden.host" $root }}
  {{- end }}
{{- else -}}
httpGet:
  path: {{ index . 1 }}
  port: metrics
  {{- if include "tcpwarden.isTls" $root }}
  scheme: HTTPS
  {{- end }}
  {{- if include "tcpwarden.isLoopback" $root }}
  host: {{ include "tcpwarden.host" $root }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The address without the brackets of IPv6. */}}
{{- define "tcpwarden.host" -}}
{{- .Values.listen.address | trimPrefix "[" | trimSuffix "]" | quote }}
{{- end }}

{{/* What PodMonitor and ServiceMonitor have in common: the endpoint. */}}
{{- define "tcpwarden.endpoint" -}}
{{- $monitor := .Values.podMonitor -}}
port: metrics
path: /metrics
{{- if include "tcpwarden.isTls" . }}
scheme: https
{{- with $monitor.tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with $monitor.basicAuth }}
basicAuth:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $monitor.interval }}
interval: {{ . }}
{{- end }}
{{- with $monitor.scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- with $monitor.relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $monitor.metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
