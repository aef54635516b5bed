"""A Windows job object: all that a program starts ends with it, even if this process is killed.

Source: Microsoft, "Job Objects" and "JOBOBJECT_EXTENDED_LIMIT_INFORMATION" (Windows API).
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import ctypes
    import os
    import signal
    from collections.abc import Sequence
    from contextlib import suppress
    from ctypes import wintypes
    from typing import Final

    import psutil

    __all__ = ["Job"]

    KILL_ON_JOB_CLOSE: Final = 0x2000
    BASIC_ACCOUNTING_INFORMATION: Final = 1
    EXTENDED_LIMIT_INFORMATION: Final = 9
    PROCESS_SET_QUOTA: Final = 0x0100
    PROCESS_TERMINATE: Final = 0x0001

    class _BasicAccounting(ctypes.Structure):
        _fields_ = (
            ("total_user_time", ctypes.c_int64),
            ("total_kernel_time", ctypes.c_int64),
            ("this_period_user_time", ctypes.c_int64),
            ("this_period_kernel_time", ctypes.c_int64),
            ("total_page_fault_count", wintypes.DWORD),
            ("total_processes", wintypes.DWORD),
            ("active_processes", wintypes.DWORD),
            ("total_terminated_processes", wintypes.DWORD),
        )

    class _BasicLimits(ctypes.Structure):
        _fields_ = (
            ("per_process_user_time_limit", ctypes.c_int64),
            ("per_job_user_time_limit", ctypes.c_int64),
            ("limit_flags", wintypes.DWORD),
            ("minimum_working_set_size", ctypes.c_size_t),
            ("maximum_working_set_size", ctypes.c_size_t),
            ("active_process_limit", wintypes.DWORD),
            ("affinity", ctypes.c_size_t),
            ("priority_class", wintypes.DWORD),
            ("scheduling_class", wintypes.DWORD),
        )

    class _ExtendedLimits(ctypes.Structure):
        _fields_ = (
            ("basic", _BasicLimits),
            ("io_counters", ctypes.c_uint64 * 6),
            ("process_memory_limit", ctypes.c_size_t),
            ("job_memory_limit", ctypes.c_size_t),
            ("peak_process_memory_used", ctypes.c_size_t),
            ("peak_job_memory_used", ctypes.c_size_t),
        )

    def _kernel() -> ctypes.WinDLL:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.CreateJobObjectW.restype = wintypes.HANDLE
        kernel.CreateJobObjectW.argtypes = (wintypes.LPVOID, wintypes.LPCWSTR)
        kernel.OpenProcess.restype = wintypes.HANDLE
        kernel.OpenProcess.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)
        kernel.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
        kernel.SetInformationJobObject.argtypes = (
            wintypes.HANDLE,
            ctypes.c_int,
            wintypes.LPVOID,
            wintypes.DWORD,
        )
        kernel.QueryInformationJobObject.argtypes = (
            wintypes.HANDLE,
            ctypes.c_int,
            wintypes.LPVOID,
            wintypes.DWORD,
            wintypes.LPVOID,
        )
        kernel.TerminateJobObject.argtypes = (wintypes.HANDLE, wintypes.UINT)
        kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
        return kernel

    class Job:
        """The job of the process `pid` and of all that it starts from now on. Raises OSError."""

        def __init__(self, pid: int) -> None:
            self._pid = pid
            self._kernel = _kernel()
            self._handle = self._checked(self._kernel.CreateJobObjectW(None, None))
            limits = _ExtendedLimits()
            limits.basic.limit_flags = KILL_ON_JOB_CLOSE
            self._checked(
                self._kernel.SetInformationJobObject(
                    self._handle, EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), ctypes.sizeof(limits)
                )
            )
            self._assign(pid)

        def _assign(self, pid: int) -> None:
            process = self._kernel.OpenProcess(PROCESS_SET_QUOTA | PROCESS_TERMINATE, False, pid)
            if process:
                # Refused where it has just ended; then there is nothing left to hold.
                self._kernel.AssignProcessToJobObject(self._handle, process)
                self._kernel.CloseHandle(process)

        def is_alive(self) -> bool:
            """Whether a process of the job still runs."""
            counts = _BasicAccounting()
            self._checked(
                self._kernel.QueryInformationJobObject(
                    self._handle,
                    BASIC_ACCOUNTING_INFORMATION,
                    ctypes.byref(counts),
                    ctypes.sizeof(counts),
                    None,
                )
            )
            return bool(counts.active_processes)

        def ask_to_stop(self, members: Sequence[psutil.Process]) -> None:
            """Ctrl-Break to the process group; there is nothing gentle for those outside it."""
            with suppress(OSError):  # it has ended, or there is no console to ask through
                os.kill(self._pid, signal.CTRL_BREAK_EVENT)

        def kill(self) -> None:
            self._checked(self._kernel.TerminateJobObject(self._handle, 1))

        def close(self) -> None:
            self._kernel.CloseHandle(self._handle)

        def _checked(self, result: int) -> int:
            if not result:
                raise ctypes.WinError(ctypes.get_last_error())
            return result
