"""From a declared shift and a cohort to a stored, verified stress set and its controls.

``selection``    whose truth is known, who a scenario edits, in which order, and what each clause removes
``task``         one image to edit: its masks, its settings, addressed by everything that decides its pixels
``plan``         the tasks of a test set (stress, sham, dose, placebo) and the funnel that led to them
``editing``      the editor over what is missing; one failure does not stop the others
``storage``      synced files, temporary folders, locks
``store``        edits and their measures by key: written whole or not at all, verified on reading
``assessments``  how good each edit is, and how typical the cohort, remembered so that a warm run loads no model
``records``      the table, one row a task; what is not good enough is rejected with a reason, and counted
``testset``      the finished test set, and the folder that anyone can read
``composite``    an edited square's change put back into its film
``build``        all of it, resumable
"""
