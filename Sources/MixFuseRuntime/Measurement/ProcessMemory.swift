// SPDX-License-Identifier: Apache-2.0
//
// How much memory this process uses, as the system sees it.

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// The memory of this process.
public enum ProcessMemory {
  /// The most physical memory that the process has used so far, in bytes, or nil if it cannot be
  /// read.
  public static var peakResidentBytes: Int? {
    #if os(Linux)
      return statusField("VmHWM:")
    #else
      var usage = rusage()
      // Here, and only here, the system counts in bytes.
      return getrusage(RUSAGE_SELF, &usage) == 0 ? Int(usage.ru_maxrss) : nil
    #endif
  }

  /// The physical memory that the process uses now, in bytes, or nil if it cannot be read.
  public static var residentBytes: Int? {
    #if os(Linux)
      return statusField("VmRSS:")
    #else
      return nil
    #endif
  }

  /// A line of /proc/self/status such as `VmHWM:    5120 kB`, in bytes.
  private static func statusField(_ name: String) -> Int? {
    let file = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var buffer = [UInt8](repeating: 0, count: 1 << 14)
    let count = read(file, &buffer, buffer.count)
    let line = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self).split(separator: "\n")
      .first { $0.hasPrefix(name) }
    return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
      .map { $0 * 1024 }
  }
}
