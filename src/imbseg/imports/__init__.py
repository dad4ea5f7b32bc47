"""Annotation files of labelling tools, and folders of one mask a class -> masks, id lists and a data set file.

Each function below takes a folder (of COCO and CVAT the file, too) and `settings`, and returns what it found there as
`Found`. Shapes are drawn by pycocotools, whose pixel (0, 0) spans 0 to 1, as in COCO and CVAT.
"""

READERS = {
    "labelme": "imbseg.imports.labelme:read",
    "coco": "imbseg.imports.coco:read",
    "cvat": "imbseg.imports.cvat:read",
    "binary_folders": "imbseg.imports.folders:read",
}
