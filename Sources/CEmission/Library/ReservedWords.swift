// SPDX-License-Identifier: Apache-2.0
//
// What a name of a user's must not be in the generated C (and in C++, which includes the header)
// and in the generated Swift. A test holds these lists against the compilers: every keyword, and
// every macro of the standard headers, as a name of data.

/// The words of C and C++ that a structure's field cannot be called.
enum ReservedInC {
  /// Whether an identifier is a keyword, a macro, or of a form that belongs to the implementation.
  static func contains(_ identifier: String) -> Bool {
    keywords.contains(identifier) || words.contains(identifier) || isForImplementation(identifier)
      || looksLikeMacro(identifier)
  }

  /// `__x` and `_X` may be anything to any compiler.
  static func isForImplementation(_ identifier: String) -> Bool {
    let start = Array(identifier.utf8.prefix(2))
    guard start.count == 2, start[0] == UInt8(ascii: "_") else { return false }
    return start[1] == UInt8(ascii: "_") || isCapital(start[1])
  }

  /// By custom, only macros are in capitals throughout: `NULL`, `INT32_MAX`, `I`. (Other single
  /// letters are what matrices are called, and no macros.) The macros of <inttypes.h> and of
  /// <math.h> begin like that: `PRId64`, `M_PIf`.
  private static func looksLikeMacro(_ identifier: String) -> Bool {
    let bytes = Array(identifier.utf8)
    let hasSmallLetter = bytes.contains { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") }
    if !hasSmallLetter, bytes.count > 1, bytes.contains(where: isCapital) { return true }
    return identifier == "I"
      || ["PRI", "SCN", "M_"].contains { identifier.hasPrefix($0) && bytes.count > $0.utf8.count }
  }

  private static func isCapital(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
  }

  /// Keywords of C23, of its GNU dialect, and of C++26; alternative spellings of operators.
  private static let keywords = Set(
    """
    alignas alignof and and_eq asm atomic_cancel atomic_commit atomic_noexcept auto bitand bitor bool
    break case catch char char16_t char32_t char8_t class co_await co_return co_yield compl concept
    const const_cast consteval constexpr constinit continue contract_assert decltype default delete
    do double dynamic_cast else enum explicit export extern false float for friend goto if inline int
    long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public
    reflexpr register reinterpret_cast requires restrict return short signed sizeof static
    static_assert static_cast struct switch synchronized template this thread_local throw true try
    typedef typeid typename typeof typeof_unqual union unsigned using virtual void volatile wchar_t
    while xor xor_eq
    """.split { $0.isWhitespace }.map(String.init))

  /// Macros in small letters of C's and POSIX's headers and of compilers, and the types by which
  /// the header declares its fields (in C++ a field cannot be called like its own type).
  private static let words = Set(
    """
    AF_DECnet L_ctermid L_cuserid L_tmpnam PF_DECnet P_tmpdir assert
    atomic_compare_exchange_strong_explicit atomic_compare_exchange_weak_explicit
    atomic_exchange_explicit atomic_fetch_add_explicit atomic_fetch_and_explicit
    atomic_fetch_or_explicit atomic_fetch_sub_explicit atomic_fetch_xor_explicit atomic_init
    atomic_load_explicit atomic_store_explicit complex d_fileno errno h_addr h_errno i386 imaginary
    int16_t int32_t int64_t int8_t linux math_errhandling mixfuse_parallel noreturn s6_addr
    s6_addr16 s6_addr32 sa_handler sa_sigaction sched_priority si_addr si_addr_lsb si_arch si_band
    si_call_addr si_fd si_int si_lower si_overrun si_pid si_pkey si_ptr si_status si_stime
    si_syscall si_timerid si_uid si_upper si_utime si_value sigev_notify_attributes
    sigev_notify_function st_atime st_ctime st_mtime stderr stdin stdout uint16_t uint32_t uint64_t
    uint8_t unix
    """.split { $0.isWhitespace }.map(String.init))

  /// Functions that C compilers know without a header: one of ours with such a name would be taken
  /// for theirs. (Those that begin with two underscores are no names of ours.)
  static let functions = Set(
    """
    abort abs acos acosf acosh acoshf asin asinf asinh asinhf atan atan2 atanf atanh atanhf bcmp bcopy
    bzero cabs cacos carg casin catan cbrt ccos ceil cexp cimag clog conj copysign cos cosf cosh
    coshf cpow cproj creal csin csqrt ctan drem erf erfc erff exit exp exp10 exp2 expf expm1 fabs
    fabsf fdim ffs finite floor floorf fma fmax fmin fmod fprintf fputc fputs free frexp fscanf
    fwrite gamma gettext hypot ilogb imaxabs index isalnum isalpha isascii isblank iscntrl isdigit
    isgraph isinf islower isnan isprint ispunct isspace isupper iswalpha isxdigit j0 j1 jn labs
    ldexp lgamma llabs llrint llround log log10 log1p log2 logb logf lrint lround malloc memchr
    memcmp memcpy memmove mempcpy memset modf nan nearbyint nextafter nexttoward pow pow10 powf
    printf putchar puts realloc remainder remquo rindex rint round scalb scalbln scalbn scanf signbit
    significand sin sincos sinf sinh snprintf sprintf sqrt sqrtf sscanf stpcpy strcat strchr strcmp
    strcpy strcspn strdup strlen strncat strncmp strncpy strpbrk strrchr strspn strstr tan tanf
    tanh tanhf tgamma toascii tolower toupper trunc vfprintf vprintf vsprintf y0 y1 yn
    """.split { $0.isWhitespace }.map(String.init))

  /// Names of libraries whose files or symbols would stand in for others: ours is `mixfuse_…`, and
  /// `math.h` in the folder of a generated header hides the standard one.
  static let libraries = Set(
    """
    aio alloca argp assert complex cpio ctype dirent dlfcn elf endian errno error execinfo fcntl
    features fenv float fmtmsg fnmatch ftw getopt glob grp iconv ifaddrs inttypes iso646 langinfo libc
    libdl libgcc libgcc_s libgen libintl libm libpthread librt limits link locale malloc math memory
    mixfuse mixfuse_host mixfuse_parallel mixfuse_pool module monetary mqueue ndbm netdb nl_types
    omp paths poll printf pthread pwd regex resolv sched search semaphore setjmp shadow signal spawn
    stab stdalign stdarg stdatomic stdbit stdbool stdc stdckdint stddef stdint stdio stdlib
    stdnoreturn string strings stropts syscall sysexits syslog tar termio termios tgmath threads time
    uchar ucontext ulimit unistd utime utmp utmpx values wait wchar wctype wordexp
    """.split { $0.isWhitespace }.map(String.init))
}

/// The words of Swift that a property or a type cannot be called.
enum ReservedInSwift {
  /// Keywords, which are names between backticks.
  static let keywords = Set(
    """
    Any as associatedtype await break case catch class continue default defer deinit do else enum
    extension fallthrough false fileprivate for func guard if import in inout internal is let nil
    open operator precedencegroup private protocol public repeat rethrows return static struct
    subscript super switch throw throws true try typealias var where while
    """.split { $0.isWhitespace }.map(String.init))

  /// Words that mean something even between backticks.
  static let meanings: Set = ["Protocol", "Self", "Type", "_", "init", "self"]

  /// Types that the binding itself needs.
  static let types: Set = [
    "Any", "Bool", "Double", "Float", "Inputs", "Int32", "Int64", "Library", "MixFuseRuntime",
    "NDArray", "NamedArrays", "Outputs", "Protocol", "RuntimeError", "Self", "Sendable", "Session",
    "String", "Swift", "ThreadPool", "Type", "UInt8", "WritableKeyPath",
  ]
}
