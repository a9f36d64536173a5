"""AuditResult in, files out: ``result.json``, ``metrics.csv`` and a self-contained ``report.html``.

The way of the data: ``outputs`` asks ``tables`` for the CSV and ``page`` for the HTML; ``page`` turns the
result into a ``view`` (numbers as ``words``), draws the ``cases`` of the ``gallery`` (``images``) and the
score ``figures``, and fills the templates of the declared ``reports/`` folder in the order of
``report.yaml``. Nothing here computes a metric.
"""

from radbench.reporting.gallery import GalleryItem
from radbench.reporting.outputs import check_writable, write_outputs

__all__ = ["GalleryItem", "check_writable", "write_outputs"]
