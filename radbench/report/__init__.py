"""AuditResult in, files out: ``result.json``, CSV tables and a self-contained ``report.html``.

The way of the data: ``outputs`` writes what the others make. ``identity`` puts numbers in the place of patients'
names; ``choice`` and ``material`` choose the few images that are shown and hold no others. ``context`` turns the
result into views (numbers as ``words``): ``view`` and ``summary`` (the models), ``asked`` (declarations, claims,
preflight), ``gates``, ``effects`` (paired effects and tests), ``controls``, ``segmentation``, ``subgroups``,
``calibration``, ``ranking``, ``doses``, ``runs``, ``quality``, ``flow`` (losses), ``methods`` and ``provenance``. They
lay out ``charts`` and score ``figures`` as geometry; ``cases`` draws the ``gallery`` (``images``, ``glyphs``). ``page``
fills the templates of the declared ``reports/`` folder, reportlet by reportlet, in the order of ``report.yaml``; what
has nothing to show leaves itself out. ``tables`` are the CSV files and ``sidecar`` the folder of all edited images.
``junit`` and ``markdown`` are for machines that wait for a verdict; ``index`` puts several audits on one page. Nothing
here computes a metric.
"""

from radbench.report.gallery import GalleryItem, LazyGallery, RejectedItem
from radbench.report.identity import deidentified
from radbench.report.outputs import check_writable, write_outputs

__all__ = ["GalleryItem", "LazyGallery", "RejectedItem", "check_writable", "deidentified", "write_outputs"]
