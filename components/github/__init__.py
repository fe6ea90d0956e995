"""GitHub: environments with their gates, secrets and variables, branch rules, security settings."""

from components.github.environment import Environment, EnvironmentArgs, Gate, Reviewers
from components.github.protection import BranchProtection, BranchProtectionArgs
from components.github.secrets import RepositorySecrets, RepositorySecretsArgs, prefixed
from components.github.security import RepositorySecurity, RepositorySecurityArgs

__all__ = [
    "BranchProtection",
    "BranchProtectionArgs",
    "Environment",
    "EnvironmentArgs",
    "Gate",
    "RepositorySecrets",
    "RepositorySecretsArgs",
    "RepositorySecurity",
    "RepositorySecurityArgs",
    "Reviewers",
    "prefixed",
]
