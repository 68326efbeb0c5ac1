// SPDX-License-Identifier: Apache-2.0
//
// What the user may have done wrong before anything can be compared. One case per message, in
// alphabetical order.

import Diagnostics

/// Messages of `mixfuse verify`.
enum VerificationMessage: DiagnosticMessage {
  case noResult(file: String, expected: [String])
  case shapes(file: String, array: String, expected: [Int], found: [Int], others: Int)

  var id: String {
    switch self {
    case .noResult: "verify.no-result"
    case .shapes: "verify.shapes"
    }
  }

  var text: String {
    switch self {
    case .noResult(let file, let expected):
      return "\(file) holds nothing to compare with, expected at least one of "
        + expected.joined(separator: ", ")
    case .shapes(let file, let array, let expected, let found, let others):
      let more = others == 0 ? "" : ", and \(others) more arrays differ"
      return "\(array) of \(file) has shape \(found), expected \(expected) by the spec's dims"
        + more
    }
  }
}
