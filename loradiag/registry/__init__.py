"""What a fleet is known to be: adapters by the hash of their weights, reports, evaluations, owners, stages, and history.

One database, SQLite or PostgreSQL, through the same models. Whoever imports this needs SQLAlchemy, so it is asked for here.
"""

from loradiag.core.lazy import require

require("sqlalchemy", "registry")
