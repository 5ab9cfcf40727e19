"""glibc's allocator, told to keep what is freed.

A training step frees and asks again for the same hundreds of megabytes. By default glibc returns
them to the kernel each time, which has to clear every page again before the next step.
"""

import ctypes
import sys

# malloc.h
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_LARGEST = 2**31 - 1  # bytes, of an int


def keep_freed_memory() -> None:
    """Change this process's allocator, if it is glibc's; earlier allocations stay as they are."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(_M_MMAP_MAX, 0)
            libc.mallopt(_M_TRIM_THRESHOLD, _LARGEST)
            libc.mallopt(_M_TOP_PAD, 2**26)
