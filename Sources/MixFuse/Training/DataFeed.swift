// SPDX-License-Identifier: Apache-2.0
//
// How a data file feeds the inputs of a library. An array with an input's full shape is fed as it
// is. One whose first axis stands for leading axes of the input is a table: every step draws rows
// for those axes. So `x [4000, 40]` feeds an input `[steps, batch, 40]` with new minibatches, and
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

  /// Matches arrays to inputs by name and shape, and converts them to the inputs' types.
  ///
  /// - Parameters:
  ///   - inputs: the inputs to be fed, all of them.
  ///   - arrays: the arrays of the file; those of other names are left alone.
  ///   - path: the file, for messages.
  /// - Throws: `TrainingError.dataMissing`, `.dataShape`, `.dataTooFewRows`;
  ///   `RuntimeError.conversion`, `.nanInInput`.
  init(_ inputs: [Manifest.ArrayDescription], from arrays: NamedArrays, path: String) throws {
    var fixed = NamedArrays()
    var tables: [Table] = []
    for input in inputs {
      guard let found = arrays[input.name] else {
        throw TrainingError.dataMissing(
          name: input.name, expected: input.typeDescription, path: path,
          suggestion: closestName(to: input.name, among: arrays.names))
      }
      if let index = found.firstNaN {
        throw RuntimeError.nanInInput(name: input.name, index: index)
      }
      let array = try found.converted(to: input.elementType, name: input.name)
      if array.shape == input.shape {
        fixed[input.name] = array
      } else {
        tables.append(try Self.table(array, for: input))
      }
    }
    self.fixed = fixed
    self.tables = tables
  }

  private static func table(
    _ array: NDArray, for input: Manifest.ArrayDescription
  ) throws -> Table {
    let axes = input.shape.count - array.shape.count + 1
    guard axes >= 0, axes <= input.shape.count,
      array.shape.dropFirst() == input.shape.dropFirst(axes)
    else {
      throw TrainingError.dataShape(
        name: input.name, expected: input.shape,
        row: (0...input.shape.count).contains(axes) ? Array(input.shape.dropFirst(axes)) : nil,
        found: array.shape)
    }
    let draw = RowDraw(rowCount: array.shape[0], indexShape: Array(input.shape.prefix(axes)))
    let batch = draw.indexShape.last ?? 1
    guard batch <= draw.rowCount else {
      throw TrainingError.dataTooFewRows(name: input.name, needed: batch, found: draw.rowCount)
    }
    return Table(
      input: input, array: array, draw: draw, rowLength: array.shape.dropFirst().reduce(1, *))
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
