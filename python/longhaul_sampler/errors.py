"""What is wrong with a request, and what went wrong in a sampler of one's own."""


class InvalidRequest(ValueError):
    """Raised when the space, the sampler or a constraint cannot work; the message is for the user, and no retry can fix it."""


class SamplerFailed(RuntimeError):
    """Raised when a sampler of one's own raised, ended or did not answer. A later try may find it well."""
