"""What is wrong with a request and no retry can mend."""


class InvalidRequest(ValueError):
    """Raised when the space, the sampler or a constraint cannot work; the message is for the user."""
