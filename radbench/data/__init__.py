"""Films, masks, geometry and cohorts; knows neither the editor nor the models under test.

``cohort``    what a cohort is: studies, their films, squares and masks
``folder``    a cohort from a folder of films and a manifest
``manifest``  a manifest's rows: studies, films and masks; ``columns`` what its cells mean, ``table`` any table as text
``films``     the one room that reads films: PNG, JPEG, TIFF and DICOM at their own size and depth (a package)
``images``    gray images as stored (masks), and writing PNG
``masks``     one meaning for every way of writing a mask; Euclidean dilation (a package)
``geometry``  the joint resize and crop of image, masks and boxes, and the way back
``framing``   geometry and grey values together: from a film to its square, and a change back into the film
``values``    one meaning for a value however it is written
"""
