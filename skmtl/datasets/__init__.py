"""Related tasks with known answers, and small real tables with licence and source.

Every function returns the same Bunch. With ``as_frame=True`` (the default) ``data`` is
a pandas DataFrame whose last column is the task, named by text. With ``as_frame=False``
no pandas is needed: ``data`` is an array of floats whose last column is the place of
the row's task in ``task_names``. An estimator is given ``task_feature`` in either case.
"""

from skmtl.datasets._csv import load_multitask_csv
from skmtl.datasets._loaders import (
    load_enb,
    load_gapminder,
    load_heart,
    load_parkinsons,
    load_penguins,
    load_polls2016,
    load_portal_rodents,
    load_radon,
    load_slump,
)
from skmtl.datasets._shared_representation import make_shared_representation
from skmtl.datasets._source_tasks import SourceOracle, make_source_tasks
from skmtl.datasets._task_deviations import make_task_deviations
from skmtl.datasets._task_functions import make_task_functions

__all__ = [
    "SourceOracle",
    "load_enb",
    "load_gapminder",
    "load_heart",
    "load_multitask_csv",
    "load_parkinsons",
    "load_penguins",
    "load_polls2016",
    "load_portal_rodents",
    "load_radon",
    "load_slump",
    "make_shared_representation",
    "make_source_tasks",
    "make_task_deviations",
    "make_task_functions",
]
