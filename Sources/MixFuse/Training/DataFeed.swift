// SPDX-License-Identifier: Apache-2.0
//
// How the arrays of a data file feed the inputs of a library, as a DataPlan says: as they are, or as
// tables of which every step draws rows for the leading axes of an input. So `x [4000, 40]` feeds an input `[steps, batch, 40]` with new minibatches, and
// `x_support [2000, 10, 1]` an input `[tasks, 10, 1]` with new tasks.

import Diagnostics
import MixFuseRuntime

/// The data of a training run, matched to the inputs of an entry point.
struct DataFeed {
  /// Arrays that are the same at every step.
  let fixed: NamedArrays
  /// Tables, with the way their rows are drawn.
  let tables: [Table]

  /// A table and the input it feeds.
  struct Table {
    let input: Manifest.ArrayDescription
    let array: NDArray
    let draw: RowDraw
    /// Elements of one row.
    let rowLength: Int
  }

  /// Takes the arrays that a plan asks for, and converts them to the inputs' types.
  ///
  /// - Parameter array: the array of a name in the plan.
  /// - Throws: `RuntimeError.conversion`, `.nanInInput`, and what `array` throws.
  init(_ plan: DataPlan, array: (String) throws -> NDArray?) throws {
    var fixed = NamedArrays()
    var tables: [Table] = []
    for feed in plan.feeds {
      let input = feed.input
      guard let found = try array(input.name) else { continue }
      if let index = found.firstNaN {
        throw RuntimeError.nanInInput(name: input.name, index: index)
      }
      let array = try found.converted(to: input.elementType, name: input.name)
      if let draw = feed.draw {
        let rowLength = array.shape.dropFirst().reduce(1, *)
        tables.append(Table(input: input, array: array, draw: draw, rowLength: rowLength))
      } else {
        fixed[input.name] = array
      }
    }
    self.fixed = fixed
    self.tables = tables
  }

  /// All arrays, as they are fed, by the names of their inputs.
  var arrays: NamedArrays {
    var arrays = fixed
    for table in tables { arrays[table.input.name] = table.array }
    return arrays
  }

  /// Sets the inputs that never change.
  func setFixed(_ session: Session) throws(RuntimeError) {
    try session.setInputs(fixed)
  }

  /// Draws the rows of a step and copies them into the session's inputs.
  ///
  /// - Cost: one pass over those inputs.
  func setDrawn(_ session: Session, seed: UInt64, step: Int) throws(RuntimeError) {
    var drawn: [RowDraw: [Int]] = [:]
    for table in tables {
      let rows = drawn[table.draw] ?? table.draw.rows(seed: seed, step: step)
      drawn[table.draw] = rows
      switch table.input.elementType {
      case .float32: try copy(rows, of: table, as: Float.self, to: session)
      case .float64: try copy(rows, of: table, as: Double.self, to: session)
      case .int32: try copy(rows, of: table, as: Int32.self, to: session)
      case .bool: try copy(rows, of: table, as: Bool.self, to: session)
      case .int64: try copy(rows, of: table, as: Int64.self, to: session)
      case .uint8: try copy(rows, of: table, as: UInt8.self, to: session)
      case .float16:
        throw .conversion(
          name: table.input.name, from: .float16, to: .float16, reason: "libraries take no f16")
      }
    }
  }

  private func copy<Element: ArrayElement>(
    _ rows: [Int], of table: Table, as type: Element.Type, to session: Session
  ) throws(RuntimeError) {
    let length = table.rowLength
    try session.withMutableInput(table.input.name, of: type) { target in
      table.array.withUnsafeBytes { bytes in
        let source = bytes.bindMemory(to: type)
        for (position, row) in rows.enumerated() {
          let destination = UnsafeMutableBufferPointer(
            rebasing: target[(position * length)..<((position + 1) * length)])
          _ = destination.update(fromContentsOf: source[(row * length)..<((row + 1) * length)])
        }
      }
    }
  }
}
