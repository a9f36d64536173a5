"""The tables, films and reports of MIMIC-CXR as they are published, small."""

from dataset_world import put_text

FINDINGS = (
    "Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,Lung Lesion,Lung Opacity,"
    "No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,Support Devices"
)
METADATA = (
    "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,StudyDate,StudyTime,"
    "ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,PatientOrientationCodeSequence_CodeMeaning"
)
FILMS = {  # dicom: subject, study, ViewPosition, view code, orientation, split
    "aaaa": ("10000032", "50414267", "PA", "postero-anterior", "Erect", "train"),
    "bbbb": ("10000032", "50414267", "LATERAL", "lateral", "Erect", "train"),
    "cccc": ("10000032", "53189527", "", "antero-posterior", "Recumbent", "train"),
    "dddd": ("11000033", "53911762", "AP", "antero-posterior", "", "validate"),
    "eeee": ("12000044", "56699142", "AP", "antero-posterior", "", "test"),
    "ffff": ("12000044", "56699143", "", "", "", "test"),
    "gggg": ("12000044", "56699144", "PA LLD", "", "", "test"),
}
IMPRESSIONS = {
    "50414267": " IMPRESSION: \n \n 1. No pneumothorax.\n 2. Chest tube in place.\n",
    "53189527": " FINDINGS:  Clear.\n",
    "53911762": " CONCLUSION:  Normal.\n",
}


def labels(**positive):
    """A row of labels in the tables' order, blank but for these."""
    names = [name.lower().replace(" ", "_") for name in FINDINGS.split(",")]
    return ",".join(str(positive.get(name, "")) for name in names)


def path_of(dicom, suffix):
    subject, study, *_ = FILMS[dicom]
    return f"files/p{subject[:2]}/p{subject}/s{study}/{dicom}{suffix}"


def put_tables(root, end=".csv.gz"):
    rows = [
        f'{dicom},{subject},{study},"CHEST (PA, LAT)",{view},80,64,21800506,213014.531,CHEST,{code},{pose}'
        for dicom, (subject, study, view, code, pose, _) in FILMS.items()
    ]
    put_text(root / f"mimic-cxr-2.0.0-metadata{end}", "\n".join([METADATA, *rows]) + "\n")
    rows = [f"{dicom},{found[1]},{found[0]},{found[5]}" for dicom, found in FILMS.items()]
    put_text(
        root / f"mimic-cxr-2.0.0-split{end}", "\n".join(["dicom_id,study_id,subject_id,split", *rows]) + "\n"
    )
    rows = [
        f"10000032,50414267,{labels(pneumothorax='0.0', support_devices='1.0', edema='-1.0')}",
        f"10000032,53189527,{labels()}",
        f"11000033,53911762,{labels(no_finding='1.0')}",
        f"12000044,56699142,{labels(pneumothorax='1.0', cardiomegaly='1.0')}",
        f"12000044,56699143,{labels(pneumothorax='1.0')}",
    ]
    head = f"subject_id,study_id,{FINDINGS}"
    put_text(root / f"mimic-cxr-2.0.0-chexpert{end}", "\n".join([head, *rows]) + "\n")
    put_text(
        root / f"mimic-cxr-2.0.0-negbio{end}",
        f"{head}\n10000032,50414267,{labels(pneumothorax='1.0')}\n12000044,56699142,{labels(pneumothorax='-1.0')}\n",
    )
    read = FINDINGS.replace("Lung Opacity", "Airspace Opacity").replace("No Finding", "No Findings")
    put_text(
        root / "mimic-cxr-2.1.0-test-set-labeled.csv",
        f"study_id,{read}\n56699142,{labels(lung_opacity='1.0', no_finding='-1.0', pneumothorax='0.0')}\n",
    )


def put_reports(root):
    """Three reports among the films, one of them without an impression."""
    for subject, study, *_ in FILMS.values():
        if study in IMPRESSIONS:
            text = " " * 33 + "FINAL REPORT\n EXAMINATION:  CHEST\n \n" + IMPRESSIONS[study]
            put_text(root / "files" / f"p{subject[:2]}" / f"p{subject}" / f"s{study}.txt", text)
