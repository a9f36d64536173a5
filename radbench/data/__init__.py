"""Films, masks, geometry and cohorts; knows neither the editor nor the models under test.

``cohort``    what a cohort is: studies, their films, squares and masks; an attribute's value as text
``folder``    a cohort from a folder of films and a manifest
``manifest``  a manifest's rows: studies, films and masks; what its cells mean
``table``     any table as text
``films``     the one room that reads films: PNG, JPEG, TIFF and DICOM at their own size and depth (a package)
``masks``     one meaning for every way of writing a mask (a package)
``images``    arrays: gray images as PNG, plain masks, Euclidean dilation, digests
``geometry``  from a film to its square, and a change back into the film; masks and boxes with it
"""
