"""What every rule but `none` takes, and what names the weak classes."""

from typing import Annotated, Protocol

from pydantic import Field

Share = Annotated[float, Field(0.5, ge=0, le=1)]
Scale = Annotated[float, Field(ge=0.1, le=10)]
Pixels = Annotated[float, Field(0.0, ge=0, le=20)]


class Pasting(Protocol):
    """How objects are pasted, whatever the rule."""

    paste_probability: Annotated[Share, Field(description="probability that a sample gets a paste at all")]
    paste_objects: Annotated[
        int, Field(3, ge=1, le=100, description="most objects pasted into a sample; 1 to so many, alike")
    ]
    paste_scale_min: Annotated[Scale, Field(0.5, description="smallest factor of a pasted object's size")]
    paste_scale_max: Annotated[Scale, Field(1.5, description="largest factor of a pasted object's size")]
    paste_flip: Annotated[Share, Field(description="probability that a pasted object is mirrored")]
    paste_ring: Annotated[int, Field(3, ge=0, le=100, description="width in pixels of the ignored ring round a paste")]
    paste_visible: Annotated[
        Share, Field(description="share of a covered object that must stay visible, else the paste is left out")
    ]
    paste_min_pixels: Annotated[
        int, Field(100, ge=1, description="smallest object that is pasted, in the file's pixels")
    ]
    paste_max_share: Annotated[
        float, Field(0.5, gt=0, le=1, description="largest object that is pasted, as a share of its image")
    ]
    paste_edge: Annotated[
        Pixels, Field(description="standard deviation in pixels of the Gaussian that softens a paste's edge; 0: hard")
    ]
    paste_memory: Annotated[int, Field(256, ge=0, le=1048576, description="MB of cut objects kept in memory")]


Path = Annotated[str | None, Field(None, min_length=1)]


class Weak(Protocol):
    """Where `weak_classes` come from."""

    weak_from: Annotated[
        Path,
        Field(
            description="weak: CSV of an earlier result, whose worst third is pasted; default: the data set's own list"
        ),
    ]
