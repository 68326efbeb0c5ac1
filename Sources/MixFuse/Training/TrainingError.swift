// SPDX-License-Identifier: Apache-2.0
//
// Everything that can go wrong in training beyond what the runtime reports about files and calls,
// with its wording, in alphabetical order. All of these are the user's to mend.

import Diagnostics

/// Why a training run cannot start, or cannot go on.
package enum TrainingError: Error, Equatable, DiagnosticMessage {
  /// `--carry-theta` where the inner parameters do not outlive a call.
  case carryImpossible(reason: String)
  /// A checkpoint that another training run has written.
  case checkpointMismatch(path: String, reason: String)
  /// The file has no array for an input.
  case dataMissing(name: String, expected: String, path: String, suggestion: String?)
  /// An array fits its input neither as it is nor as a table; `row` is the shape of one row of a
  /// table of that rank, if there is such a table.
  case dataShape(name: String, expected: [Int], row: [Int]?, found: [Int])
  /// A batch needs distinct rows, and the table has fewer.
  case dataTooFewRows(name: String, needed: Int, found: Int)
  /// `--init` names something that is not a parameter.
  case initialUnknown(name: String, known: [String])
  /// An array that starts a parameter has another shape.
  case initialShape(name: String, expected: [Int], found: [Int])
  /// The loss, or a gradient (then `name` is the gradient's), is infinite or not a number.
  case notFinite(name: String, value: Double, step: Int, checkpoint: String)
  /// A setting that makes no sense.
  case setting(name: String, expected: String, found: String)

  package var id: String {
    switch self {
    case .carryImpossible: "train.carry-impossible"
    case .checkpointMismatch: "train.checkpoint-mismatch"
    case .dataMissing: "train.data-missing"
    case .dataShape: "train.data-shape"
    case .dataTooFewRows: "train.data-too-few-rows"
    case .initialShape: "train.initial-shape"
    case .initialUnknown: "train.initial-unknown"
    case .notFinite: "train.not-finite"
    case .setting: "train.setting"
    }
  }

  package var text: String {
    switch self {
    case .carryImpossible(let reason):
      "--carry-theta: \(reason)"
    case .checkpointMismatch(let path, let reason):
      "\(path): is the checkpoint of another run: \(reason)"
    case .dataMissing(let name, let expected, let path, let suggestion):
      "\(path): no array \(name), expected \(expected) or a table of its rows"
        + (suggestion.map { "; did you mean \($0)?" } ?? "")
    case .dataShape(let name, let expected, let row, let found):
      "\(name): expected \(expected)"
        + (row.map { " or a table \(tableShape($0))" } ?? "") + ", found \(found)"
    case .dataTooFewRows(let name, let needed, let found):
      "\(name): a batch of \(needed) needs at least \(needed) rows, found \(found)"
    case .initialShape(let name, let expected, let found):
      "\(name): expected \(expected) to start from, found \(found)"
    case .initialUnknown(let name, let known):
      "--init: no parameter is called \(name); "
        + (didYouMean(name, among: known) ?? "there are: \(known.joined(separator: ", "))")
    case .notFinite(let name, let value, let step, let checkpoint):
      "\(name) is \(value) at outer step \(step); the last good state is in \(checkpoint)"
    case .setting(let name, let expected, let found):
      "\(name): expected \(expected), found \(found)"
    }
  }

  /// `[N, 40]` for rows `[40]`.
  private func tableShape(_ row: [Int]) -> String {
    "[" + (["N"] + row.map(String.init)).joined(separator: ", ") + "]"
  }
}
