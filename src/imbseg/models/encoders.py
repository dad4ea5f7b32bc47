"""The encoders that DeepLabV3+ of segmentation_models.pytorch takes, as names: no import of it, so --help is quick.

A test builds every one of them; timm's own models (tu-NAME) are tried when the network is built.
"""

from __future__ import annotations

from imbseg.errors import InputError, unknown_name

# fmt: off
ENCODERS = (
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x4d",
    "resnext101_32x8d", "resnext101_32x16d", "resnext101_32x32d", "resnext101_32x48d", "dpn68", "dpn68b", "dpn92",
    "dpn98", "dpn107", "dpn131", "senet154", "se_resnet50", "se_resnet101", "se_resnet152", "se_resnext50_32x4d",
    "se_resnext101_32x4d", "efficientnet-b0", "efficientnet-b1", "efficientnet-b2", "efficientnet-b3",
    "efficientnet-b4", "efficientnet-b5", "efficientnet-b6", "efficientnet-b7", "mobilenet_v2",
    "timm-efficientnet-b0", "timm-efficientnet-b1", "timm-efficientnet-b2", "timm-efficientnet-b3",
    "timm-efficientnet-b4", "timm-efficientnet-b5", "timm-efficientnet-b6", "timm-efficientnet-b7",
    "timm-efficientnet-b8", "timm-efficientnet-l2", "timm-tf_efficientnet_lite0", "timm-tf_efficientnet_lite1",
    "timm-tf_efficientnet_lite2", "timm-tf_efficientnet_lite3", "timm-tf_efficientnet_lite4", "timm-skresnet18",
    "timm-skresnet34", "timm-skresnext50_32x4d", "mit_b0", "mit_b1", "mit_b2", "mit_b3", "mit_b4", "mit_b5",
    "mobileone_s0", "mobileone_s1", "mobileone_s2", "mobileone_s3", "mobileone_s4",
)
# fmt: on


def check_encoder(name: str) -> str:
    """Return an encoder's name.

    Raises:
        InputError: DeepLabV3+ can't take it, or there is no such encoder.
    """
    if name in ENCODERS or (name.startswith("tu-") and len(name) > 3):
        return name
    if name.startswith(("vgg", "densenet", "inception", "xception")):
        raise InputError(f"encoder {name!r}: can't be dilated, which DeepLabV3+ needs; take another, such as resnet101")
    raise unknown_name("encoder", name, ENCODERS)
