// SPDX-License-Identifier: Apache-2.0
//
// Everything that can go wrong in training beyond what the runtime reports about files and calls,
// with its wording, in alphabetical order. All of these are the user's to mend.

import Diagnostics

/// Why a training run cannot start, or cannot go on.
package enum TrainingError: Error, Equatable, DiagnosticMessage {
  /// `--carry-theta` where the inner parameters do not outlive a call.
  case carryImpossible(reason: String)
  /// `--allow-changes` names something that cannot differ.
  case changeUnknown(name: String)
  /// A checkpoint that holds something else than it should.
  case checkpointDamaged(path: String, reason: String)
  /// A checkpoint of a run with other settings.
  case checkpointMismatch(path: String, differences: [TrainingSettings.Difference])
  /// A checkpoint that does not say what its run was.
  case checkpointUnnamed(path: String)
  /// Two arrays that belong together are not drawn together.
  case dataLengths(name: String, found: String, other: String, rows: Int)
  /// The file has no array for an input.
  case dataMissing(name: String, expected: String, path: String, suggestion: String?)
  /// An array fits its input neither as it is nor as a table; `row` is the shape of one row of a
  /// table of that rank, if there is such a table.
  case dataShape(name: String, expected: [Int], row: [Int]?, found: [Int])
  /// A batch needs distinct rows, and the table has fewer.
  case dataTooFewRows(name: String, needed: Int, found: Int)
  /// `--draw-apart` names something that is not data.
  case drawApartUnknown(name: String, known: [String])
  /// The folder holds what an earlier run has left.
  case folderOccupied(path: String)
  /// Another run is at work in the folder.
  case folderTaken(folder: String, process: Int?)
  /// `--init` names something that is not a parameter.
  case initialUnknown(name: String, known: [String])
  /// An array that starts a parameter has another shape.
  case initialShape(name: String, expected: [Int], found: [Int])
  /// The loss, a gradient or what follows from it is infinite or not a number; `kept` says what of
  /// the run is on the disk.
  case notFinite(name: String, value: Double, step: Int, kept: String)
  /// A setting that makes no sense.
  case setting(name: String, expected: String, found: String)
  /// The checkpoint is further than the run is to go.
  case stepsDone(path: String, done: Int, wanted: Int)

  package var id: String {
    switch self {
    case .carryImpossible: "train.carry-impossible"
    case .changeUnknown: "train.change-unknown"
    case .checkpointDamaged: "train.checkpoint-damaged"
    case .checkpointMismatch: "train.checkpoint-mismatch"
    case .checkpointUnnamed: "train.checkpoint-unnamed"
    case .dataLengths: "train.data-lengths"
    case .dataMissing: "train.data-missing"
    case .dataShape: "train.data-shape"
    case .dataTooFewRows: "train.data-too-few-rows"
    case .drawApartUnknown: "train.draw-apart-unknown"
    case .folderOccupied: "train.folder-occupied"
    case .folderTaken: "train.folder-taken"
    case .initialShape: "train.initial-shape"
    case .initialUnknown: "train.initial-unknown"
    case .notFinite: "train.not-finite"
    case .setting: "train.setting"
    case .stepsDone: "train.steps-done"
    }
  }

  package var text: String {
    switch self {
    case .carryImpossible(let reason):
      "--carry-theta: \(reason)"
    case .changeUnknown(let name):
      "--allow-changes: no setting is called \(name); "
        + (didYouMean(name, among: TrainingSettings.groups)
          ?? "there are: \(TrainingSettings.groups.joined(separator: ", "))")
    case .checkpointDamaged(let path, let reason):
      "\(path): is no checkpoint of this spec: \(reason)"
    case .checkpointMismatch(let path, let differences):
      "\(path): is the checkpoint of another run: "
        + differences.map(\.text).joined(separator: "; ")
        + "; repeat the flags of that run, or go on all the same with --allow-changes "
        + Set(differences.map(\.group)).sorted().joined(separator: ",")
    case .checkpointUnnamed(let path):
      "\(path): does not say which spec, options and data its run had, as an older version wrote it; "
        + "go on all the same with --allow-changes all"
    case .dataLengths(let name, let found, let other, let rows):
      "\(name): expected a table of \(rows) rows as \(other) is, found \(found): their rows belong "
        + "together; --draw-apart \(name) if they do not"
    case .dataMissing(let name, let expected, let path, let suggestion):
      "\(path): no array \(name), expected \(expected) or a table of its rows"
        + (suggestion.map { "; did you mean \($0)?" } ?? "")
    case .dataShape(let name, let expected, let row, let found):
      "\(name): expected \(expected)"
        + (row.map { " or a table \(tableShape($0))" } ?? "") + ", found \(found)"
    case .dataTooFewRows(let name, let needed, let found):
      "\(name): a batch of \(needed) needs at least \(needed) rows, found \(found)"
    case .drawApartUnknown(let name, let known):
      "--draw-apart: no data is called \(name); "
        + (didYouMean(name, among: known) ?? "there are: \(known.joined(separator: ", "))")
    case .folderOccupied(let path):
      "\(path) is there already: --resume goes on from the run that wrote it, --overwrite replaces it"
    case .folderTaken(let folder, let process):
      "\(folder): another training run is at work there"
        + (process.map { " (process \($0))" } ?? "")
    case .initialShape(let name, let expected, let found):
      "\(name): expected \(expected) to start from, found \(found)"
    case .initialUnknown(let name, let known):
      "--init: no parameter is called \(name); "
        + (didYouMean(name, among: known) ?? "there are: \(known.joined(separator: ", "))")
    case .notFinite(let name, let value, let step, let kept):
      "\(name) is \(value) at outer step \(step); \(kept)"
    case .setting(let name, let expected, let found):
      "\(name): expected \(expected), found \(found)"
    case .stepsDone(let path, let done, let wanted):
      "--outer-steps: expected at least \(done), the steps that \(path) has behind it, "
        + "found \(wanted)"
    }
  }

  /// `[N, 40]` for rows `[40]`.
  private func tableShape(_ row: [Int]) -> String {
    "[" + (["N"] + row.map(String.init)).joined(separator: ", ") + "]"
  }
}
