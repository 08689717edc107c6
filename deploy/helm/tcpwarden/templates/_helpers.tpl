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
app.kubernetes.io/name: {{ include "tcpwarden.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* The labels of every object. */}}
{{- define "tcpwarden.labels" -}}
{{- include "tcpwarden.labelsWith" (list . dict) }}
{{- end }}

{{/* The same with the labels of one object, which win: a list of the root and these. */}}
{{- define "tcpwarden.labelsWith" -}}
{{- $root := index . 0 }}
{{- $chart := $root.Chart -}}
helm.sh/chart: {{ printf "%s-%s" $chart.Name $chart.Version | replace "+" "_" | trunc 63 }}
{{ include "tcpwarden.selectorLabels" $root }}
app.kubernetes.io/version: {{ $chart.AppVersion | quote }}
app.kubernetes.io/component: agent
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- with merge dict (default dict (index . 1)) (default dict $root.Values.labels) }}
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

{{/*
Where commands in the container ask: the socket file; without one as the agent listens, and with all
interfaces on loopback.
*/}}
{{- define "tcpwarden.agent" -}}
{{- $address := include "tcpwarden.listen" . }}
{{- if ne .Values.socket "none" }}
{{- printf "unix:%s" .Values.socket }}
{{- else if hasPrefix "unix:" $address }}
{{- $address }}
{{- else }}
{{- if hasPrefix "0.0.0.0:" $address }}
{{- $address = trimPrefix "0.0.0.0:" $address | printf "127.0.0.1:%s" }}
{{- else if hasPrefix "[::]:" $address }}
{{- $address = trimPrefix "[::]:" $address | printf "[::1]:%s" }}
{{- end }}
{{- if include "tcpwarden.isTls" . }}https://{{ end }}{{ $address }}
{{- end }}
{{- end }}

{{/* Fails where two values contradict each other. */}}
{{- define "tcpwarden.checked" -}}
{{- $tcp := include "tcpwarden.isTcp" . }}
{{- $scraped := list }}
{{- range list "podMonitor" "serviceMonitor" "scrapeAnnotations" }}
{{- if (index $.Values .).enabled }}{{ $scraped = append $scraped . }}{{ end }}
{{- end }}
{{- if gt (len $scraped) 1 }}
{{- fail (printf "%s are enabled: each agent would be scraped twice" (join " and " $scraped)) }}
{{- end }}
{{- if and $scraped (not $tcp) }}
{{- fail "listen.address is a socket file, which no Prometheus can scrape: disable the monitor" }}
{{- end }}
{{- if and $scraped (include "tcpwarden.isLoopback" .) }}
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
{{- if and $scraped .Values.webConfig.secrets .Values.webConfig.authentication }}
{{- include "tcpwarden.checkedScrape" . }}
{{- end }}
{{- range $name, $_ := .Values.podAnnotations }}
{{- if and $.Values.scrapeAnnotations.enabled (regexMatch
      "^prometheus[.]io/(scrape|path|port|scheme)$" $name) }}
{{- fail (printf "podAnnotations has %s, which scrapeAnnotations writes: leave it out" $name) }}
{{- end }}
{{- end }}
{{- range .Values.extraArgs }}
{{- $value := get (dict "--socket" "socket" "--workload-label" "workloadLabel" "--config" "config"
      "--web-config-file" "webConfig" "--expose-connections" "exposeConnections"
      "--max-connections" "maxConnections") (regexFind "^[^=]*" .) }}
{{- if regexMatch "^--listen=?$" . }}
{{- fail "extraArgs has --listen without a value: write --listen=ADDRESS:PORT" }}
{{- end }}
{{- if $value }}
{{- fail (printf "extraArgs has %s: the chart gives that option, set the value %s" . $value) }}
{{- end }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if has .name (list "POD_IP" "TCPWARDEN_AGENT") }}
{{- fail (printf "extraEnv has %s, which the chart sets: leave it out" .name) }}
{{- end }}
{{- end }}
{{- if and .Values.networkPolicy.enabled .Values.hostNetwork }}
{{- fail "networkPolicy has no effect on pods with hostNetwork: set one of them to false" }}
{{- end }}
{{- end }}

{{/* Fails where the agent asks clients who they are, and Prometheus would not tell it. */}}
{{- define "tcpwarden.checkedScrape" -}}
{{- if .Values.scrapeAnnotations.enabled }}
{{- fail (print "webConfig.authentication: annotations have no password for Prometheus; "
      "take podMonitor or serviceMonitor in place of scrapeAnnotations") }}
{{- end }}
{{- $tls := ternary .Values.podMonitor.tlsConfig dict .Values.webConfig.tls | default dict }}
{{- if not (or .Values.podMonitor.basicAuth $tls.cert $tls.certFile) }}
{{- fail (print "webConfig.authentication: the monitor has neither password nor certificate; "
      "set podMonitor.basicAuth, or cert and keySecret in podMonitor.tlsConfig") }}
{{- end }}
{{- end }}

{{/* Fails where the API server refuses how pods are replaced, or no new one could ever start. */}}
{{- define "tcpwarden.checkedUpdate" -}}
{{- $update := default dict .Values.updateStrategy }}
{{- $rolling := default dict $update.rollingUpdate }}
{{- /* What Kubernetes takes where one is missing. */}}
{{- $unavailable := dig "maxUnavailable" 1 $rolling | toString | regexMatch "[1-9]" }}
{{- $surge := dig "maxSurge" 0 $rolling | toString | regexMatch "[1-9]" }}
{{- if ne $update.type "OnDelete" }}
{{- if and $surge $unavailable }}
{{- fail "updateStrategy.rollingUpdate has maxSurge: set maxUnavailable to 0 beside it" }}
{{- end }}
{{- if not (or $surge $unavailable) }}
{{- fail "updateStrategy.rollingUpdate replaces no pod: set maxUnavailable, or maxSurge" }}
{{- end }}
{{- if and $surge .Values.hostNetwork (include "tcpwarden.isTcp" .) }}
{{- fail "maxSurge starts a second agent, and with hostNetwork the port is taken: set it to 0" }}
{{- end }}
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
honorLabels: true
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
