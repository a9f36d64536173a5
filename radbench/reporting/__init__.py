"""AuditResult in, files out: ``result.json``, ``metrics.csv`` and a self-contained ``report.html``.

The way of the data: ``outputs`` asks ``tables`` for the CSV and ``page`` for the HTML; ``page`` turns the
result into views (numbers as ``words``), one a section: ``view`` (the models), ``controls``, ``segmentation``,
``doses``, ``runs``, ``quality``, ``road`` (losses) and ``provenance``. They lay out ``charts`` and score
``figures`` as geometry; ``cases`` draws the ``gallery`` (``images``, ``glyphs``). The templates of the declared
``reports/`` folder are filled in the order of ``report.yaml``; a section with nothing to show leaves itself out.
``index`` puts several audits on one page. Nothing here computes a metric.
"""

from radbench.reporting.gallery import GalleryItem, RejectedItem
from radbench.reporting.outputs import check_writable, write_outputs

__all__ = ["GalleryItem", "RejectedItem", "check_writable", "write_outputs"]
