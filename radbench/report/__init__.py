"""AuditResult in, files out: ``result.json``, CSV tables and a self-contained ``report.html``.

The way of the data: ``outputs`` writes what the others make. ``identity`` puts numbers in the place of patients'
names; ``cases`` chooses the few images that are shown and holds no others, and ``gallery`` draws them of ``images``.
``page`` fills the templates of the declared ``reports/`` folder, reportlet by reportlet, in the order of ``config``'s
``report.yaml``; what has nothing to show leaves itself out. It turns the result into views (numbers as ``words``):
``view`` (the models), ``checks`` (declarations, claims, preflight, gates), ``effects`` (paired effects, tests,
subgroups, doses), ``performance`` (segmentation, calibration, runs), ``controls`` (is it the editor? losses, quality)
and ``methods`` (with provenance); ``inline_svg`` makes their charts part of the page. ``tables`` are the CSV files,
``junit`` and ``summary`` are for machines, pull requests and notebooks that wait for a verdict; ``index`` puts several
audits on one page, ``editors`` several editors. Nothing here computes a metric.
"""

from radbench.report.gallery import GalleryItem, LazyGallery, RejectedItem
from radbench.report.identity import deidentified
from radbench.report.outputs import check_writable, write_outputs

__all__ = ["GalleryItem", "LazyGallery", "RejectedItem", "check_writable", "deidentified", "write_outputs"]
