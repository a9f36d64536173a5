"""From a declared shift and a cohort to a stored, verified stress set.

``task``     one image to edit, addressed by everything that decides its pixels
``plan``     which studies a shift edits, and the tasks that follow
``convert``  specs to what the editors take
``store``    content-addressed items: atomic, verified on reading
``records``  the test set's table, one row a task
``build``    edit what is missing, then assemble a folder that anyone can read
"""
