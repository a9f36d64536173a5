"""Images, masks, geometry and cohorts; knows neither the editor nor the models under test.

``cohort``    what a cohort is: studies, their pixels and their masks
``folder``    a cohort from a folder of image files and a manifest
``manifest``  a manifest's rows: studies, films and masks; ``columns`` what its cells mean, ``table`` any table as text
``images``    reading and writing gray images
``masks``     one meaning for every way of writing a mask; Euclidean dilation (a package)
``geometry``  the joint resize and crop of image, masks and boxes, and the way back
"""
