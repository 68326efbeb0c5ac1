// SPDX-License-Identifier: Apache-2.0
//
// The history of a training run: one row a step, kept in memory and written as a CSV file.

import MixFuseRuntime
import MixFuseShared

/// One finished step.
struct TrainingRow: Equatable {
  /// The step's number; the first is 1.
  var step: Int
  /// The outer loss, at the parameters before the step.
  var loss: Double
  /// Seconds of training up to the end of the step, those before a resumption included.
  var seconds: Double
  /// The learned scalars at which the loss was taken, in the log's order.
  var scalars: [Double]
}

/// All finished steps.
struct TrainingLog: Equatable {
  /// The names of the learned scalars that are logged.
  let scalarNames: [String]
  private(set) var rows: [TrainingRow] = []

  init(scalarNames: [String]) {
    self.scalarNames = scalarNames
  }

  mutating func append(_ row: TrainingRow) {
    rows.append(row)
  }

  /// The log as text: a line of names, then a line a step.
  var csv: String {
    let header = ["step", "loss", "seconds"] + scalarNames
    let lines = rows.map { row in
      let seconds = "\((row.seconds * 1e3).rounded() / 1e3)"
      return ["\(row.step)", Self.cell(row.loss), seconds] + row.scalars.map(Self.cell)
    }
    return ([header] + lines).map { $0.joined(separator: ",") + "\n" }.joined()
  }

  /// Reads back the rows up to a step, as far as there is a log with the same columns: the history
  /// is for people, and training goes on without it.
  mutating func readRows(upTo step: Int, from path: String) {
    guard let bytes = readRegularFile(path, limit: 1 << 30),
      let text = String(validating: bytes, as: UTF8.self)
    else { return }
    let lines = text.split(separator: "\n")
    guard lines.first?.split(separator: ",").dropFirst(3).map(String.init) == scalarNames else {
      return
    }
    for line in lines.dropFirst() {
      let cells = line.split(separator: ",").map { Double($0) }
      let numbers = cells.compactMap { $0 }
      guard numbers.count == 3 + scalarNames.count, numbers.count == cells.count,
        let number = Int(exactly: numbers[0]), number <= step
      else { continue }
      rows.append(
        TrainingRow(
          step: number, loss: numbers[1], seconds: numbers[2], scalars: Array(numbers.dropFirst(3)))
      )
    }
  }

  /// The shortest text from which the number can be read back: a library in f32 gives numbers whose
  /// Float64 spelling has twice the digits.
  private static func cell(_ value: Double) -> String {
    let single = Float(value)
    return Double(single) == value ? "\(single)" : "\(value)"
  }
}
