"""What the tries in Python have in common."""


def raises(message, call, *args):
    """Calls what must fail with an error that has this message."""
    try:
        call(*args)
    except Exception as error:
        assert message in str(error), f'{message!r} is not in {error!r}'
    else:
        raise AssertionError(f'no error: {message}')
