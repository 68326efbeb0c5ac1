// SPDX-License-Identifier: Apache-2.0
//
// Numbers as people read them: few digits, fitting units.

import Foundation

/// A number with at most four significant digits: `0.6213`, `1.5`, `-12.4`, `3.1e-09`.
package func shortNumber(_ value: Double) -> String {
  shortNumber(value, digits: 4)
}

/// A number with at most so many significant digits.
package func shortNumber(_ value: Double, digits: Int) -> String {
  String(format: "%.\(digits)g", value)
}

/// A measured time in a fitting unit: `41.3 us`, `8.21 ms`, `12.5 s`.
package func duration(_ seconds: Double) -> String {
  let units = [("s", 1.0), ("ms", 1e-3), ("us", 1e-6)]
  let (name, size) = units.first { abs(seconds) >= $0.1 } ?? ("ns", 1e-9)
  return "\(shortNumber(seconds / size, digits: 3)) \(name)"
}

/// A number of bytes in the largest unit that leaves at least 1 of it: `512 B`, `1.5 MiB`.
package func byteCount(_ bytes: Int) -> String {
  let unit = ByteUnit(for: bytes)
  return "\(shortNumber(Double(bytes) / unit.bytes)) \(unit.name)"
}

/// A unit of memory.
struct ByteUnit {
  let name: String
  /// The bytes of one unit.
  let bytes: Double

  /// The largest unit that leaves at least 1 of it.
  init(for byteCount: Int) {
    let names = ["B", "KiB", "MiB", "GiB", "TiB"]
    var (index, bytes) = (0, 1.0)
    while abs(Double(byteCount)) >= bytes * 1024, index < names.count - 1 {
      (index, bytes) = (index + 1, bytes * 1024)
    }
    (name, self.bytes) = (names[index], bytes)
  }
}

/// A count with a decimal prefix: `310`, `6.82 M`, `1.5 T`.
package func decimalCount(_ count: Int) -> String {
  let prefixes = ["", " k", " M", " G", " T", " P", " E"]
  var (index, value) = (0, Double(count))
  while abs(value) >= 1000, index < prefixes.count - 1 {
    (index, value) = (index + 1, value / 1000)
  }
  return "\(index == 0 ? "\(count)" : String(format: "%.3g", value))\(prefixes[index])"
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
