"""Charts as plain geometry: numbers in, corners and words out; the templates draw them as inline SVG.

Drawing in the page's own markup keeps a chart sharp, themed (light, dark, print), readable as text and equal
byte by byte on every machine. Charts are narrow (360 units), so that a phone shows their words at full size.
"""

from radbench.reporting.charts.boxes import BoxChart, Group, box_chart
from radbench.reporting.charts.curves import CurveChart, Dose, curve_chart
from radbench.reporting.charts.flow import FlowChart, Step, flow_chart
from radbench.reporting.charts.forest import Forest, ForestLine, forest_chart
from radbench.reporting.charts.reliability import Reliability, Tenth, reliability_chart

__all__ = [
    "BoxChart",
    "CurveChart",
    "Dose",
    "FlowChart",
    "Forest",
    "ForestLine",
    "Group",
    "Reliability",
    "Step",
    "Tenth",
    "box_chart",
    "curve_chart",
    "flow_chart",
    "forest_chart",
    "reliability_chart",
]
