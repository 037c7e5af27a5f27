"""Which system calls a worker may make, by name, with the numbers of x86-64 and arm64 (None: that machine has none).

An allow-list: a call that is not named here does not exist for a tool. Each group says what needs it.
"""

from typing import Dict, Optional, Tuple

Numbers = Tuple[Optional[int], Optional[int]]

# fmt: off

# Allowed whatever their arguments.
ALLOWED: Dict[str, Numbers] = {
    # reading, writing and closing what is open already
    "read": (0, 63), "write": (1, 64), "close": (3, 57), "lseek": (8, 62), "pread64": (17, 67), "pwrite64": (18, 68),
    "readv": (19, 65), "writev": (20, 66), "preadv": (295, 69), "pwritev": (296, 70),
    "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24),
    "pipe": (22, None), "pipe2": (293, 59), "copy_file_range": (326, 285),
    # files: which ones is for the mounts and Landlock to say
    "stat": (4, None), "fstat": (5, 80), "lstat": (6, None),
    "newfstatat": (262, 79), "statx": (332, 291), "statfs": (137, 43), "fstatfs": (138, 44), "access": (21, None),
    "faccessat": (269, 48), "faccessat2": (439, 439), "readlink": (89, None), "readlinkat": (267, 78),
    "getdents": (78, None), "getdents64": (217, 61), "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50),
    "truncate": (76, 45), "ftruncate": (77, 46), "fallocate": (285, 47),
    "rename": (82, None), "renameat": (264, 38),
    "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None), "unlink": (87, None), "unlinkat": (263, 35),
    "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36), "umask": (95, 166),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "utime": (132, None),
    "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    # shutil.copy2 asks for extended attributes and gives up on any other answer; setting them is denied
    "getxattr": (191, 8), "lgetxattr": (192, 9), "fgetxattr": (193, 10), "listxattr": (194, 11),
    "llistxattr": (195, 12), "flistxattr": (196, 13),
    # waiting: select, asyncio, pipes
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72), "epoll_create": (213, None),
    "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, None), "epoll_pwait": (281, 22),
    "epoll_pwait2": (441, 441), "eventfd": (284, None), "eventfd2": (290, 19),
    # one end of a socketpair: no addresses reach these (see `rules`)
    "shutdown": (48, 210), "getsockname": (51, 204), "getpeername": (52, 205),
    # memory of this process
    "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214), "mremap": (25, 216),
    # threads of this process
    "set_robust_list": (273, 99), "get_robust_list": (274, 100),
    "rseq": (334, 293), "gettid": (186, 178), "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123), "getcpu": (309, 168), "exit": (60, 93),
    "exit_group": (231, 94),
    # signals that this process sends itself or waits for
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137), "rt_sigsuspend": (130, 133), "sigaltstack": (131, 132), "pause": (34, None),
    "restart_syscall": (219, 128), "alarm": (37, None), "getitimer": (36, 102), "setitimer": (38, 103),
    "timer_create": (222, 107), "timer_settime": (223, 110), "timer_gettime": (224, 108),
    "timer_getoverrun": (225, 109), "timer_delete": (226, 111), "timerfd_create": (283, 85),
    "timerfd_settime": (286, 86), "timerfd_gettime": (287, 87), "signalfd4": (289, 74),
    # clocks and chance
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "nanosleep": (35, 101),
    "gettimeofday": (96, 169), "time": (201, None), "times": (100, 153), "getrandom": (318, 278),
    # who and where we are: constants inside the namespaces
    "getpid": (39, 172), "getppid": (110, 173), "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176),
    "getegid": (108, 177), "getgroups": (115, 158), "getresuid": (118, 148), "getresgid": (120, 150),
    "getpgrp": (111, None), "getpgid": (121, 155), "getsid": (124, 156), "uname": (63, 160),
    "getrusage": (98, 165), "getrlimit": (97, 163), "setrlimit": (160, 164),
    # waiting for children: there are none, and Python should hear that from the kernel
    "wait4": (61, 260), "waitid": (247, 95),
}

# Allowed only with the arguments that `rules` names.
RESTRICTED: Dict[str, Numbers] = {
    "clone": (56, 220), "close_range": (436, 436), "fadvise64": (221, 223), "fcntl": (72, 25), "fdatasync": (75, 83),
    "flock": (73, 32), "fsync": (74, 82), "futex": (202, 98), "getpriority": (140, 141), "getsockopt": (55, 209),
    "ioctl": (16, 29), "kill": (62, 129), "madvise": (28, 233), "mmap": (9, 222), "msync": (26, 227),
    "open": (2, None), "openat": (257, 56), "prctl": (157, 167), "renameat2": (316, 276),
    "prlimit64": (302, 261), "recvfrom": (45, 207), "sendto": (44, 206), "socketpair": (53, 199), "tgkill": (234, 131),
}

# Answered with EPERM, since Python's errors for it are the clearest; everything else that is missing answers ENOSYS.
DENIED: Dict[str, Numbers] = {
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242), "setsockopt": (54, 208), "sendmsg": (46, 211), "recvmsg": (47, 212), "sendmmsg": (307, 269),
    "recvmmsg": (299, 243), "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "tkill": (200, 130), "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "pidfd_open": (434, 434), "pidfd_send_signal": (424, 424), "pidfd_getfd": (438, 438), "unshare": (272, 97),
    "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "setuid": (105, 146), "setgid": (106, 144), "setresuid": (117, 147), "setresgid": (119, 149),
    "setgroups": (116, 159), "setpriority": (141, 140), "chown": (92, None), "fchown": (93, 55),
    "lchown": (94, None), "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "mknod": (133, None), "mknodat": (259, 33),
    "sched_setaffinity": (203, 122), "setsid": (112, 157), "setpgid": (109, 154), "sethostname": (170, 161),
    "mlock": (149, 228), "mlock2": (325, 284), "mlockall": (151, 230), "clock_settime": (227, 112),
    "settimeofday": (164, 170), "kexec_load": (246, 104), "reboot": (169, 142), "bpf": (321, 280),
}
