"""Whether a picture's file may hold other values than those that were saved: no mask survives that."""

from PIL import Image

# JPEG 2000 and AVIF may be without loss, but nothing in the file says so: bytes can be cut off after the transform
LOSSY = {
    "JPEG": "JPEG",
    "MPO": "JPEG",
    "JPEG2000": "JPEG 2000",
    "AVIF": "AVIF",
    "DDS": "DDS",
    "BLP": "BLP",
    "FTEX": "FTEX",
}
IN_TIFF = {"jpeg": "JPEG", "tiff_jpeg": "JPEG", "webp": "WebP"}  # by Pillow's names of compressions


def lossy_format(picture: Image.Image, data: bytes) -> str | None:
    """The name of the format in which values may have been lost; None where they are those that were saved."""
    if picture.format == "TIFF" and (inside := IN_TIFF.get(str(picture.info.get("compression")))):
        return f"TIFF with {inside} compression"
    if picture.format == "WEBP":
        return "lossy WebP" if b"VP8 " in _webp_chunks(data) else None
    return LOSSY.get(picture.format or "")


def _webp_chunks(data: bytes) -> set[bytes]:
    """Names of the chunks; `VP8 ` holds a lossy picture, also inside the frame (ANMF) of an animation."""
    names, place = set(), 12
    while place + 8 <= len(data):
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        names.add(name)
        place += 24 if name == b"ANMF" else 8 + size + size % 2  # 8 and the 16 bytes before a frame's own chunks
    return names
