// SPDX-License-Identifier: Apache-2.0
//
// How much memory this process uses, as the system sees it.

internal import Foundation

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
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else {
      return nil
    }
    let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
    return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
      .map { $0 * 1024 }
  }
}
