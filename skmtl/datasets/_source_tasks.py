"""Many source tasks of which few matter to a target, with rows on demand."""

from typing import NamedTuple

import numpy as np

from skmtl.datasets._arguments import (
    one_of,
    random_streams,
    real_number,
    whole_number,
)
from skmtl.datasets._bunch import Table, labels, matrix_columns, pack

SCENARIOS = ("generic", "l2hard", "cluster")
TARGET = "target"


class Sources(NamedTuple):
    """Heads of the sources (one a row), of the target, and the sources' clusters."""

    heads: np.ndarray
    target_head: np.ndarray
    clusters: np.ndarray


class SourceOracle:
    """Rows of any task on demand, in an order that asking differently cannot change.

    Calling ``oracle(task, n)`` returns the next `n` rows ``(X, y)`` of a task: the
    features, without a task column, and the targets. Every task has a fixed sequence of
    rows of its own: two calls for 10 rows return the same rows as one for 20, whatever
    was asked of other tasks in between. A copy or a pickle continues from where the
    original stood.

    Parameters
    ----------
    coef : ndarray of shape (n_tasks, n_features)
        True coefficients.
    task_names : ndarray of str of shape (n_tasks,)
        Label of each task.
    noise : float
        Standard deviation of the noise.
    seed : int
        Fixes the rows.
    as_frame : bool
        Whether tasks are named by labels and rows are pandas objects.

    Attributes
    ----------
    tasks : list
        The tasks that can be asked for.
    n_drawn : dict
        Number of rows drawn of each task so far.

    See Also
    --------
    make_source_tasks : Makes one.
    skmtl.active.PoolOracle : Hands out the rows of a table.

    Examples
    --------
    >>> from skmtl.datasets import make_source_tasks
    >>> oracle = make_source_tasks(n_sources=8, random_state=0).oracle
    >>> X, y = oracle("source_00", 5)
    >>> len(X), oracle.n_drawn["source_00"]
    (5, 5)
    """

    def __init__(self, coef, task_names, noise, seed, as_frame):
        self.coef = coef
        self.task_names = task_names
        self.noise = noise
        self.seed = seed
        self.as_frame = as_frame
        self.tasks = task_names.tolist() if as_frame else list(range(len(task_names)))
        self.restart()

    def restart(self):
        """Begin the rows of every task anew.

        Returns
        -------
        self : SourceOracle
            The oracle itself.
        """
        seeds = np.random.SeedSequence(self.seed).spawn(len(self.tasks))
        self.streams = [np.random.default_rng(seed) for seed in seeds]
        self.n_drawn = dict.fromkeys(self.tasks, 0)
        return self

    def __call__(self, task, n):
        """Return the next `n` rows of `task`: X without the task column, and y."""
        if task not in self.n_drawn:
            raise ValueError(
                f"Unknown task {task!r}: the tasks are {self.tasks[0]!r} to "
                f"{self.tasks[-2]!r}, and {self.tasks[-1]!r} (the target)."
            )
        n = whole_number("n", n, low=0)
        self.n_drawn[task] += n
        t = self.tasks.index(task)
        rows = self._draw(self.streams[t], t, n)
        return pack(rows, as_frame=self.as_frame, return_X_y=True)

    def _with_task(self, stream, t, n):
        """Return `n` rows of the task with code `t`, with the task column."""
        rows, codes = self._draw(stream, t, n), np.full(n, t)
        return rows._replace(task_codes=codes, task_feature="task")

    def _draw(self, stream, t, n):
        """Return `n` rows of the task with code `t`, made from the stream's numbers."""
        # The noise of a row is drawn beside its features: rows then follow one another
        # in the stream, however they are divided into calls.
        drawn = stream.standard_normal((n, self.coef.shape[1] + 1))
        X = np.ascontiguousarray(drawn[:, :-1])
        # Not X @ coef, whose rounding may depend on the number of rows.
        y = (X * self.coef[t]).sum(axis=1) + self.noise * drawn[:, -1]
        return Table(matrix_columns(X), {"y": y}, self.task_names)


def make_source_tasks(
    n_sources=40,
    n_target_samples=500,
    n_features=50,
    *,
    rank=5,
    scenario="generic",
    noise=1.0,
    return_X_y=False,
    as_frame=True,
    random_state=None,
):
    r"""Generate a target task and source tasks that matter to it to a known degree.

    Every task is linear in a shared representation: features are standard normal and

    .. math:: y = x^\top B w_m + \sigma \varepsilon,

    with orthonormal columns of :math:`B` and a head :math:`w_m` for each source
    :math:`m`, :math:`c` for the target; :math:`\|c\| = 1`. Only few rows of the target
    are given; rows of the sources are bought through an oracle. A vector :math:`\nu`
    with :math:`\sum_m \nu_m w_m = c` says how much the sources matter: the one of least
    :math:`\ell_1` norm [1]_ is the optimal allocation of a budget, the one of least
    :math:`\ell_2` norm [2]_ spreads over all sources. The scenarios differ in how much
    better the first is than the second:

    ``"generic"``
        Random unit heads; the target is a random mixture of three of them.
    ``"l2hard"``
        One source is the target itself. The others lean towards it a little:
        :math:`w_m = 0.25 c + \sqrt{1 - 0.25^2}\, v_m` with random unit :math:`v_m`
        orthogonal to :math:`c`.
    ``"cluster"``
        Sources form ``rank`` clusters around orthogonal directions, the largest with
        half of the sources, the next with a quarter, and so on. The target is a mixture
        of two sources of the smallest cluster.

    Parameters
    ----------
    n_sources : int, default=40
        Number of source tasks. At least ``rank``; at least three for "generic" and
        ``2 ** rank`` for "cluster".
    n_target_samples : int, default=500
        Rows of the target task.
    n_features : int, default=50
        Number of features beside the task.
    rank : int, default=5
        Dimension of the shared representation, at least 2.
    scenario : {"generic", "l2hard", "cluster"}, default="generic"
        How the sources relate to the target.
    noise : float, default=1.0
        Standard deviation of the noise.
    return_X_y : bool, default=False
        Return ``(data, target)``, the rows of the target task, only.
    as_frame : bool, default=True
        Return pandas objects with string task labels, else arrays with task codes.
    random_state : int, RandomState instance or None, default=None
        Fixes the outcome, including all rows the oracle will ever return.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : DataFrame or ndarray
            The rows of the target task: features, and the task in the last column (the
            label "target" in a frame, the code ``n_sources`` in an array).
        target : Series or ndarray
            The target of these rows.
        frame : DataFrame or None
            Data and target side by side.
        oracle : SourceOracle
            ``oracle(task, n)`` returns the next `n` rows ``(X, y)`` of a source, or
            further rows of the target task; X has the columns of ``data`` but for the
            task's.
        task_feature : str or int
            What to pass to an estimator as ``task_feature``.
        target_task : str or int
            The target task, as named in the task column.
        source_tasks : list
            The source tasks, as named in the task column.
        task_names : ndarray of str
            Label of each task, the target last; the code of a task is its place here.
        feature_names, target_names : list of str
            Names of the features without the task, and of the targets.
        coef : ndarray of shape (n_sources, n_features)
            True coefficients :math:`B w_m` of the sources.
        target_coef : ndarray of shape (n_features,)
            True coefficients :math:`B c` of the target.
        components : ndarray of shape (rank, n_features)
            :math:`B^\top`.
        heads, target_head : ndarray of shape (n_sources, rank), (rank,)
            The heads :math:`w_m` and :math:`c`.
        clusters : ndarray of shape (n_sources,)
            Cluster of each source, 0 being the target's ("cluster"; otherwise zeros).
        relevance, relevance_l2 : ndarray of shape (n_sources,)
            The vectors :math:`\nu` of least :math:`\ell_1` and :math:`\ell_2` norm.
    (data, target) : tuple
        If ``return_X_y`` is True.

    See Also
    --------
    SourceOracle : Hands out the rows of sources.
    make_shared_representation : Linear tasks that all matter alike.

    References
    ----------
    .. [1] Y. Wang, Y. Chen, K. Jamieson and S. S. Du, "Improved active multi-task
       representation learning via Lasso", International Conference on Machine
       Learning, 2023.
    .. [2] Y. Chen, K. Jamieson and S. S. Du, "Active multi-task representation
       learning", International Conference on Machine Learning, 2022.

    Examples
    --------
    >>> from skmtl.datasets import make_source_tasks
    >>> problem = make_source_tasks(scenario="l2hard", random_state=0)
    >>> problem.data.shape, problem.target_task
    ((500, 51), 'target')
    >>> int((abs(problem.relevance) > 1e-9).sum())
    1
    >>> X, y = problem.oracle("source_07", 30)
    >>> X.shape, y.shape
    ((30, 50), (30,))
    """
    n_features = whole_number("n_features", n_features, low=2)
    rank = whole_number("rank", rank, low=2, high=n_features)
    one_of("scenario", scenario, SCENARIOS)
    n_sources = whole_number("n_sources", n_sources, low=_fewest(scenario, rank))
    n_rows = whole_number("n_target_samples", n_target_samples, low=1)
    noise = real_number("noise", noise, low=0.0)
    truth_stream, row_stream = random_streams(random_state, 2)
    components = np.linalg.qr(truth_stream.standard_normal((n_features, rank)))[0].T
    sources = _DRAW[scenario](truth_stream, n_sources, rank)
    coef = sources.heads @ components
    target_coef = sources.target_head @ components
    oracle = SourceOracle(
        np.vstack([coef, target_coef]),
        np.append(labels("source_", n_sources), TARGET),
        noise,
        int(row_stream.integers(2**31)),
        bool(as_frame),
    )
    return pack(
        oracle._with_task(row_stream, n_sources, n_rows),
        as_frame=as_frame,
        return_X_y=return_X_y,
        oracle=oracle,
        target_task=oracle.tasks[-1],
        source_tasks=oracle.tasks[:-1],
        coef=coef,
        target_coef=target_coef,
        components=components,
        heads=sources.heads,
        target_head=sources.target_head,
        clusters=sources.clusters,
        relevance=_sparsest_mixture(sources),
        relevance_l2=np.linalg.pinv(sources.heads.T) @ sources.target_head,
    )


def _fewest(scenario, rank):
    return {"generic": max(rank, 3), "l2hard": rank, "cluster": 2**rank}[scenario]


def _unit_rows(A):
    return A / np.linalg.norm(A, axis=1, keepdims=True)


def _unit(a):
    return a / np.linalg.norm(a)


def _draw_generic(stream, n_sources, rank):
    heads = _unit_rows(stream.standard_normal((n_sources, rank)))
    chosen = stream.permutation(n_sources)[:3]
    weights = stream.dirichlet(np.full(3, 3.0)) * stream.choice([-1.0, 1.0], 3)
    target = _unit(weights @ heads[chosen])
    return Sources(heads, target, np.zeros(n_sources, dtype=np.intp))


def _draw_l2hard(stream, n_sources, rank, lean=0.25):
    target = _unit(stream.standard_normal(rank))
    across = stream.standard_normal((n_sources, rank))
    across = _unit_rows(across - np.outer(across @ target, target))
    heads = lean * target + np.sqrt(1.0 - lean**2) * across
    heads[0] = target
    heads = heads[stream.permutation(n_sources)]
    return Sources(heads, target, np.zeros(n_sources, dtype=np.intp))


def _draw_cluster(stream, n_sources, rank, width=0.15):
    centres = np.linalg.qr(stream.standard_normal((rank, rank)))[0]
    clusters = np.repeat(np.arange(rank), _halving_sizes(n_sources, rank))
    spread = width * stream.standard_normal((n_sources, rank))
    heads = _unit_rows(centres[clusters] + spread)
    target = _unit(0.6 * heads[0] + 0.4 * heads[1])
    order = stream.permutation(n_sources)
    return Sources(heads[order], target, clusters[order])


def _halving_sizes(n_sources, rank):
    sizes = [n_sources >> power for power in range(1, rank)]
    return sorted([*sizes, n_sources - sum(sizes)])


_DRAW = {
    "generic": _draw_generic,
    "l2hard": _draw_l2hard,
    "cluster": _draw_cluster,
}


def _sparsest_mixture(sources):
    """Return nu of least l1 norm with nu @ heads equal to the target's head.

    The linear programme splits nu into its positive and its negative part.
    """
    from scipy.optimize import linprog

    columns = np.hstack([sources.heads.T, -sources.heads.T])
    # A vertex of the polytope has at most `rank` entries that are not zero.
    solution = linprog(
        np.ones(columns.shape[1]),
        A_eq=columns,
        b_eq=sources.target_head,
        method="highs-ds",
    )
    positive, negative = np.split(solution.x, 2)
    return positive - negative
