"""The load test harness: batch latency tables, questions under load, baselines, reports."""
