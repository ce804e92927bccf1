"""Small real tables that come along with the library, with source and licence."""

import json
from importlib.resources import files

from skmtl.datasets._bunch import pack
from skmtl.datasets._layout import Layout
from skmtl.datasets._text import build_table, read_columns

MISSING = frozenset({""})


def manifest():
    """Return what is known of each table: columns' roles, source, licence, checksum."""
    return json.loads(_resource("MANIFEST.json").read_text(encoding="utf-8"))


def _resource(name):
    return files("skmtl.datasets") / "data" / name


def _load(name, return_X_y, as_frame):
    entry = manifest()[name]
    source = _resource(f"{name}.csv.gz")
    rename = entry["rename"]
    columns = {
        rename.get(column, column): texts
        for column, texts in read_columns(source).items()
    }
    layout = Layout(
        tuple(entry["targets"]),
        entry["task"],
        tuple(entry["categorical"]),
        tuple(entry["ignored"]),
    )
    return pack(
        build_table(columns, layout, MISSING),
        as_frame=as_frame,
        return_X_y=return_X_y,
        DESCR=_description(entry),
        filename=source.name,
    )


def _description(entry):
    facts = ("source", "licence", "changes")
    lines = [f"{fact.capitalize()}: {entry[fact]}" for fact in facts]
    return "\n".join([entry["title"], "", *lines])


def load_radon(*, return_X_y=False, as_frame=True):
    """Load radon levels in houses of Minnesota: 85 counties, regression.

    The target ``log_radon`` is the logarithm of the radon level measured in a house.
    Tasks are the counties, with 1 to 116 houses each. Features are the ``floor`` of the
    measurement (0 basement, 1 first floor) and ``log_uranium``, the logarithm of the
    uranium content of the county's soil: a feature that is constant within a task.

    ===================  =========
    rows                 919
    features             2
    tasks (``county``)   85
    ===================  =========

    Source: US Environmental Protection Agency, State Residential Radon Survey, in the
    form used in [1]_. Licence: public domain (work of the US government).

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Return pandas objects, else arrays of numbers: see :func:`load_multitask_csv`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes of :func:`load_multitask_csv`, and a description with
        source and licence in ``DESCR``.
    (data, target) : tuple
        If ``return_X_y`` is True.

    See Also
    --------
    load_multitask_csv : The same for tables of your own.

    References
    ----------
    .. [1] A. Gelman and J. Hill, "Data Analysis Using Regression and
       Multilevel/Hierarchical Models", Cambridge University Press, 2007.

    Examples
    --------
    >>> from skmtl.datasets import load_radon
    >>> radon = load_radon()
    >>> radon.data.head(2)
       floor  log_uranium  county
    0      1    -0.689048  AITKIN
    1      0    -0.689048  AITKIN
    """
    return _load("radon", return_X_y, as_frame)


def load_penguins(*, return_X_y=False, as_frame=True):
    """Load body measurements of penguins: 3 species, regression.

    The target ``body_mass_g`` is the body mass in grams. Tasks are the species.
    Features are the ``island``, ``bill_length_mm``, ``bill_depth_mm``,
    ``flipper_length_mm``, the ``sex`` and the ``year``. Penguins with a missing
    measurement are left out.

    ===================  =========
    rows                 333
    features             6
    tasks (``species``)  3
    ===================  =========

    Source: [1]_. Licence: CC0 1.0.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Return pandas objects, else arrays of numbers: see :func:`load_multitask_csv`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes of :func:`load_multitask_csv`, and a description with
        source and licence in ``DESCR``.
    (data, target) : tuple
        If ``return_X_y`` is True.

    See Also
    --------
    load_multitask_csv : The same for tables of your own.

    References
    ----------
    .. [1] A. M. Horst, A. P. Hill and K. B. Gorman, "palmerpenguins: Palmer Archipelago
       (Antarctica) penguin data", 2020, doi:10.5281/zenodo.3960218.

    Examples
    --------
    >>> from skmtl.datasets import load_penguins
    >>> X, y = load_penguins(return_X_y=True)
    >>> X["species"].value_counts().to_dict()
    {'Adelie': 146, 'Gentoo': 119, 'Chinstrap': 68}
    """
    return _load("penguins", return_X_y, as_frame)


def load_portal_rodents(*, return_X_y=False, as_frame=True):
    """Load weights of desert rodents: 19 species, regression.

    The target ``log_weight`` is the logarithm of a rodent's weight in grams. Tasks are
    the species, by their two-letter codes, with 31 to 400 animals each. Features are
    ``month`` and ``year`` of the capture, ``sex``, ``hindfoot_length`` in millimetres
    and ``plot_type``, the treatment of the plot.

    ===================  =========
    rows                 5190
    features             5
    tasks (``species``)  19
    ===================  =========

    Source: [1]_. Licence: CC0 1.0. Animals with missing measurements are left out, and
    at most 400 of a species kept.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Return pandas objects, else arrays of numbers: see :func:`load_multitask_csv`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes of :func:`load_multitask_csv`, and a description with
        source and licence in ``DESCR``.
    (data, target) : tuple
        If ``return_X_y`` is True.

    See Also
    --------
    load_multitask_csv : The same for tables of your own.

    References
    ----------
    .. [1] S. K. M. Ernest, J. Brown, T. Valone and E. P. White, "Portal Project
       Teaching Database", doi:10.6084/m9.figshare.1314459.

    Examples
    --------
    >>> from skmtl.datasets import load_portal_rodents
    >>> rodents = load_portal_rodents()
    >>> rodents.data.shape, len(rodents.task_names)
    ((5190, 6), 19)
    """
    return _load("portal_rodents", return_X_y, as_frame)


def load_gapminder(*, return_X_y=False, as_frame=True):
    """Load life expectancy over time: 142 countries, regression.

    The target ``life_expectancy`` is in years. Tasks are the countries, with one row
    for every fifth ``year`` from 1952 to 2007. Further features are ``log_gdp`` and
    ``log_pop``, the logarithms of income per person and of population, and the
    ``continent``.

    ===================  =========
    rows                 1704
    features             4
    tasks (``country``)  142
    ===================  =========

    Source: based on free material from Gapminder.org; excerpt by J. Bryan (R package
    gapminder, CC0 1.0). Licence: CC BY 3.0.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Return pandas objects, else arrays of numbers: see :func:`load_multitask_csv`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes of :func:`load_multitask_csv`, and a description with
        source and licence in ``DESCR``.
    (data, target) : tuple
        If ``return_X_y`` is True.

    See Also
    --------
    load_multitask_csv : The same for tables of your own.

    References
    ----------
    .. [1] Gapminder Foundation, https://www.gapminder.org.

    Examples
    --------
    >>> from skmtl.datasets import load_gapminder
    >>> countries = load_gapminder()
    >>> countries.data.tail(2)
          year   log_gdp   log_pop continent   country
    1702  2002  6.510316  16.29428    Africa  Zimbabwe
    1703  2007  6.152114  16.32602    Africa  Zimbabwe
    """
    return _load("gapminder", return_X_y, as_frame)


def load_heart(*, return_X_y=False, as_frame=True):
    """Load heart disease diagnoses: 4 hospitals, binary classification.

    The target ``disease`` is 1 if coronary artery disease was found. Tasks are the
    hospitals: "cleveland", "hungarian" (Budapest), "switzerland" (Zurich and Basel) and
    "va" (Long Beach). Some hospitals did not record some features at all.

    ====================  ========
    rows                  920
    features              13
    tasks (``hospital``)  4
    missing values        1932
    ====================  ========

    Features are ``age``, ``sex`` (1 male), ``cp`` (chest pain: 1 typical angina, 2
    atypical angina, 3 non-anginal pain, 4 asymptomatic), ``trestbps`` (resting blood
    pressure, mm Hg), ``chol`` (cholesterol, mg/dl), ``fbs`` (1 if fasting blood sugar
    exceeds 120 mg/dl), ``restecg`` (resting electrocardiogram: 0 normal, 1 ST-T wave
    abnormality, 2 left ventricular hypertrophy), ``thalach`` (largest heart rate),
    ``exang`` (1 if exercise causes angina), ``oldpeak`` (ST depression by exercise),
    ``slope`` (of the ST segment at the peak of exercise: 1 up, 2 flat, 3 down), ``ca``
    (number of major vessels seen) and ``thal`` (3 normal, 6 fixed defect, 7 reversible
    defect).

    Source: A. Janosi, W. Steinbrunn, M. Pfisterer and R. Detrano, Heart Disease, UCI
    Machine Learning Repository, doi:10.24432/C52P4X; see [1]_. Licence: CC BY 4.0. The
    four files are joined, any degree of disease is 1, and zeros of ``trestbps`` and
    ``chol`` are missing values.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Return pandas objects, else arrays of numbers: see :func:`load_multitask_csv`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes of :func:`load_multitask_csv`, and a description with
        source and licence in ``DESCR``.
    (data, target) : tuple
        If ``return_X_y`` is True.

    See Also
    --------
    load_multitask_csv : The same for tables of your own.

    References
    ----------
    .. [1] R. Detrano et al., "International application of a new probability algorithm
       for the diagnosis of coronary artery disease", American Journal of Cardiology
       64(5), 304-310, 1989.

    Examples
    --------
    >>> from skmtl.datasets import load_heart
    >>> heart = load_heart()
    >>> heart.frame.groupby("hospital")["disease"].agg(["size", "sum"])
                 size  sum
    hospital
    cleveland     303  139
    hungarian     294  106
    switzerland   123  115
    va            200  149
    """
    return _load("heart", return_X_y, as_frame)


def load_parkinsons(*, return_X_y=False, as_frame=True):
    """Load voice recordings of Parkinson's patients: 42 patients, regression.

    The target ``total_UPDRS`` is the clinician's score of the symptoms. Tasks are the
    patients ("1" to "42"), with 101 to 168 recordings each. Features are ``age``,
    ``sex`` (1 female), ``test_time`` (days since the patient joined) and 16 measures of
    the voice. Age and sex are constant within a task, and scores between visits were
    interpolated linearly in time, so that splits at random flatter any model that uses
    ``test_time``.

    ===================  =========
    rows                 5875
    features             19
    tasks (``patient``)  42
    ===================  =========

    Source: A. Tsanas and M. Little, Parkinsons Telemonitoring, UCI Machine Learning
    Repository, doi:10.24432/C5ZS3N; see [1]_. Licence: CC BY 4.0. The motor score, a
    part of the total one, is left out of the features.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Return pandas objects, else arrays of numbers: see :func:`load_multitask_csv`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes of :func:`load_multitask_csv`, and a description with
        source and licence in ``DESCR``.
    (data, target) : tuple
        If ``return_X_y`` is True.

    See Also
    --------
    load_multitask_csv : The same for tables of your own.

    References
    ----------
    .. [1] A. Tsanas, M. A. Little, P. E. McSharry and L. O. Ramig, "Accurate
       telemonitoring of Parkinson's disease progression by noninvasive speech tests",
       IEEE Transactions on Biomedical Engineering 57(4), 884-893, 2010.

    Examples
    --------
    >>> from skmtl.datasets import load_parkinsons
    >>> parkinsons = load_parkinsons()
    >>> parkinsons.data.shape, parkinsons.task_feature
    ((5875, 20), 'patient')
    """
    return _load("parkinsons", return_X_y, as_frame)


def load_enb(*, return_X_y=False, as_frame=True):
    """Load energy needs of buildings: 2 targets over shared rows, regression.

    The targets are the ``heating_load`` and the ``cooling_load`` of a simulated
    building; each is a task, and all rows have both. Features describe the building's
    shape: ``relative_compactness``, ``surface_area``, ``wall_area``, ``roof_area``,
    ``overall_height``, ``orientation``, ``glazing_area`` and
    ``glazing_area_distribution``.

    ===================  =========
    rows                 768
    features             8
    tasks (targets)      2
    ===================  =========

    Source: A. Tsanas and A. Xifara, Energy Efficiency, UCI Machine Learning Repository,
    doi:10.24432/C51307; see [1]_. Licence: CC BY 4.0. Columns are named in full.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Return pandas objects, else arrays of numbers: see :func:`load_multitask_csv`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes of :func:`load_multitask_csv`, and a description with
        source and licence in ``DESCR``.
    (data, target) : tuple
        If ``return_X_y`` is True.

    See Also
    --------
    load_multitask_csv : The same for tables of your own.

    References
    ----------
    .. [1] A. Tsanas and A. Xifara, "Accurate quantitative estimation of energy
       performance of residential buildings using statistical machine learning tools",
       Energy and Buildings 49, 560-567, 2012.

    Examples
    --------
    >>> from skmtl.datasets import load_enb
    >>> buildings = load_enb()
    >>> buildings.target.head(2)
       heating_load  cooling_load
    0         15.55         21.33
    1         15.55         21.33
    """
    return _load("enb", return_X_y, as_frame)


def load_slump(*, return_X_y=False, as_frame=True):
    """Load properties of concrete: 3 targets over shared rows, regression.

    The targets are ``slump`` and ``flow`` (centimetres) of the fresh concrete and its
    ``strength`` after 28 days (megapascal); each is a task, and all rows have the
    three. Features are the kilograms of ``cement``, ``slag``, ``fly_ash``, ``water``,
    ``superplasticizer``, ``coarse_aggregate`` and ``fine_aggregate`` in a cubic metre.

    ===================  =========
    rows                 103
    features             7
    tasks (targets)      3
    ===================  =========

    Source: I-C. Yeh, Concrete Slump Test, UCI Machine Learning Repository,
    doi:10.24432/C5FG7D; see [1]_. Licence: CC BY 4.0. Columns are named in full.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Return pandas objects, else arrays of numbers: see :func:`load_multitask_csv`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes of :func:`load_multitask_csv`, and a description with
        source and licence in ``DESCR``.
    (data, target) : tuple
        If ``return_X_y`` is True.

    See Also
    --------
    load_multitask_csv : The same for tables of your own.

    References
    ----------
    .. [1] I-C. Yeh, "Modeling slump flow of concrete using second-order regressions and
       artificial neural networks", Cement and Concrete Composites 29(6), 474-480, 2007.

    Examples
    --------
    >>> from skmtl.datasets import load_slump
    >>> X, Y = load_slump(return_X_y=True)
    >>> X.shape, Y.shape
    ((103, 7), (103, 3))
    """
    return _load("slump", return_X_y, as_frame)


def load_polls2016(*, return_X_y=False, as_frame=True):
    """Load polls before the US election of 2016: 53 states, regression.

    The target ``margin`` is the lead of Clinton over Trump in a poll, in percentage
    points. Tasks are the states, the District of Columbia and the districts that vote
    on their own, with 11 to 148 polls each. Features are ``days_left`` until the
    election, ``log_n`` (logarithm of the number of people asked), ``population`` ("lv"
    likely voters, "rv" registered voters, "v" voters, "a" adults) and ``pollster``.

    ===================  =========
    rows                 3097
    features             4
    tasks (``state``)    53
    ===================  =========

    Source: FiveThirtyEight, as collected in [1]_. Licence: CC BY 4.0. National polls
    are left out, and less frequent pollsters appear as "other".

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` only.
    as_frame : bool, default=True
        Return pandas objects, else arrays of numbers: see :func:`load_multitask_csv`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes of :func:`load_multitask_csv`, and a description with
        source and licence in ``DESCR``.
    (data, target) : tuple
        If ``return_X_y`` is True.

    See Also
    --------
    load_multitask_csv : The same for tables of your own.

    References
    ----------
    .. [1] R. A. Irizarry and A. Gill, "dslabs: Data Science Labs", R package.

    Examples
    --------
    >>> from skmtl.datasets import load_polls2016
    >>> polls = load_polls2016()
    >>> polls.categories["population"]
    ['a', 'lv', 'rv', 'v']
    """
    return _load("polls2016", return_X_y, as_frame)
