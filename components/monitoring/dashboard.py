"""The platform's dashboard, as Grafana reads it."""

from __future__ import annotations

import json
from typing import Any

from components.edge import metrics

PROMETHEUS = {"type": "prometheus", "uid": "prometheus"}


def platform_dashboard(stack: str) -> str:
    """What the team looks at first: who is down, how much is asked, what fails, how long it takes.

    Schema: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
    """
    panels = [
        _panel(1, "Public names that answer", 'probe_success{job="public"}', "{{instance}}"),
        _panel(2, "Requests per second", metrics.requests(), "{{host}}"),
        _panel(3, "Share of failed requests", metrics.failed_share(), "{{host}}"),
        _panel(4, "Response time, 95th percentile (s)", metrics.quantile(0.95), "{{host}}"),
        _panel(5, "Scrapes that fail", "up == 0", "{{service}}"),
    ]
    return json.dumps(
        {
            "uid": "platform",
            "title": f"Platform ({stack})",
            "schemaVersion": 39,
            "version": 1,
            "editable": False,
            "refresh": "30s",
            "time": {"from": "now-1h", "to": "now"},
            "panels": panels,
        },
        indent=1,
    )


def _panel(number: int, title: str, query: str, legend: str) -> dict[str, Any]:
    row, column = divmod(number - 1, 2)
    return {
        "id": number,
        "type": "timeseries",
        "title": title,
        "datasource": PROMETHEUS,
        "gridPos": {"x": column * 12, "y": row * 9, "w": 12, "h": 9},
        "targets": [
            {"refId": "A", "datasource": PROMETHEUS, "expr": query, "legendFormat": legend}
        ],
    }
