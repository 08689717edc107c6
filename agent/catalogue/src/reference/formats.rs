//! What docs/metrics.md says of the formats of the page.

/// The section about the text format, OpenMetrics and gzip.
pub(super) const FORMATS: &str = "
## The formats

The page is in the text format 0.0.4, unless `Accept` gives `application/openmetrics-text`, version
1.0.0, a higher weight than `text/plain`: then it is OpenMetrics. Prometheus asks for that by itself
(2.42 and 3.x do); `scrape_protocols` of a job changes it. Who takes gzip (`Accept-Encoding`) gets
gzip. `curl --compressed -H 'Accept: application/openmetrics-text' ADDRESS` asks for both.

Series, labels and values are the same in both formats, with these differences:

- In the lines `# HELP`, `# TYPE` and `# UNIT` a counter stands without `_total`. What ends with
  `_info` is of type `info` and stands without `_info`. Series have their whole names.
- A metric whose name ends with its unit, as `_seconds`, `_bytes`, `_ratio` or `_sockets`, has a
  line `# UNIT`. The page ends with `# EOF`.
- Bounds of histograms are written as OpenMetrics wants them: `le=\"1.0\"` for `le=\"1\"`,
  `le=\"1.048576e+06\"` for `le=\"1048576\"`. Prometheus 3 stores them so from both formats,
  Prometheus 2 as they come.
- Counters and histograms have a series `_created`: the Unix time since which they have counted. It
  is `process_start_time_seconds`, the start of the agent, which attaches its probes moments later.
  The kernel tells it to the second. It is read once, so that it stays when the wall clock is set.
  Until the agent has read it, in its first seconds, there is no `_created`.
- Series with a label `process`, `workload`, `port` or `netns` have no `_created`. Such a series
  comes with its first event, may end, and may come again from 0. When it came is not kept, and the
  start of the agent would be wrong.
";
