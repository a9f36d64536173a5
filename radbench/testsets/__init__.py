"""From a declared shift and a cohort to a stored, verified stress set and its controls.

``task``         one image to edit, addressed by everything that decides its pixels
``known``        whose truth about the target is known; the others are in no arm
``selection``    who a scenario edits, in which order, and what each clause removes
``inputs``       the image and the finished masks that an edit starts from
``arms``         the tasks of one study: stress, sham, dose, placebo
``plan``         the tasks of a test set and the funnel that led to them
``convert``      the declared editor's settings, as the editor takes them
``editing``      the editor over what is missing; one failure does not stop the others
``storage``      synced files, temporary folders, locks
``store``        edits by key: written whole or not at all, verified on reading
``assessments``  how good each edit is, kept in ``assessment_store`` so that a warm run loads no encoder
``records``      the table, one row a task; what is not good enough is rejected with a reason
``funnel``       from the cohort to the edits that are measured, by scenario and by reason
``assemble``     the folder that anyone can read
``testset``      the finished test set
``build``        all of it, resumable
"""
