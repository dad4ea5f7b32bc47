"""The encoders of segmentation_models.pytorch, as names: no import of it, so --help is quick.

A test builds every one of them; timm's own models (tu-NAME) are tried when the network is built.
"""

from imbseg.errors import InputError, unknown_name
from imbseg.models import ARCHITECTURES

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
NOT_DILATED = (
    "densenet121", "densenet161", "densenet169", "densenet201", "inceptionresnetv2", "inceptionv4", "vgg11", "vgg11_bn",
    "vgg13", "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "xception",
)
# fmt: on
NO_STRIDE_2 = ("mit_b",)  # prefixes of encoders whose first map is at stride 4


def check_encoder(name: str, architecture: str = "deeplabv3plus") -> str:
    """Return an encoder's name.

    Raises:
        InputError: the architecture can't take it, or there is no such encoder.
    """
    entry, other = ARCHITECTURES[architecture], "take another, such as resnet101"
    if name not in (*ENCODERS, *NOT_DILATED) and not (name.startswith("tu-") and len(name) > 3):
        raise unknown_name("encoder", name, ENCODERS if entry.dilates else (*ENCODERS, *NOT_DILATED))
    if entry.dilates and name in NOT_DILATED:
        raise InputError(f"encoder {name!r}: can't be dilated, which {architecture} needs; {other}")
    if name.startswith(entry.refuses):
        raise InputError(f"encoder {name!r}: gives no map at stride 2, which {architecture} needs; {other}")
    return name
