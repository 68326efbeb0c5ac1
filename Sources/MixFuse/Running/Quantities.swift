// SPDX-License-Identifier: Apache-2.0
//
// Numbers as people read them: few digits, fitting units.

import Foundation

/// A number with at most four significant digits: `0.6213`, `1.5`, `-12.4`, `3.1e-09`.
package func shortNumber(_ value: Double) -> String {
  String(format: "%.4g", value)
}

/// A number of bytes in the largest unit that leaves at least 1 of it: `512 B`, `1.5 MiB`.
package func byteCount(_ bytes: Int) -> String {
  var value = Double(bytes)
  for unit in ["B", "KiB", "MiB", "GiB"] {
    if value < 1024 { return "\(shortNumber(value)) \(unit)" }
    value /= 1024
  }
  return "\(shortNumber(value)) TiB"
}

/// A time span: `8 s`, `2:05`, `1:00:09`.
package func timeSpan(_ seconds: Double) -> String {
  guard seconds.isFinite else { return "?" }
  let whole = Int(seconds.rounded(.up))
  func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
  if whole < 60 { return "\(whole) s" }
  if whole < 3600 { return "\(whole / 60):\(padded(whole % 60))" }
  return "\(whole / 3600):\(padded(whole / 60 % 60)):\(padded(whole % 60))"
}
