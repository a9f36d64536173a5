"""Images, masks, geometry and cohorts; knows neither the editor nor the models under test.

``cohort``    what a cohort is: studies, their pixels and their masks
``folder``    a cohort from a folder of image files and a ``manifest.csv``
``films``     the one room that reads films: PNG, JPEG, TIFF and DICOM at their own size and depth
``images``    gray images as stored (masks), and writing PNG
``masks``     one meaning for every way of writing a mask; Euclidean dilation
``geometry``  the joint resize and crop of image, masks and boxes, and the way back
"""
