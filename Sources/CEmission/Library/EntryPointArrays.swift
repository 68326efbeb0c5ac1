// SPDX-License-Identifier: Apache-2.0
//
// The arrays of an entry point in C: what they are called, where they lie, how a function declares
// those that it uses.

import Scheduling
import TensorIR

extension EntryPointText {
  func name(_ variable: LoopVariable) -> String { words.counter(variable) }

  func text(of pointer: Pointer) -> String {
    var terms = [words.arrays[pointer.buffer]]
    terms += pointer.terms.map {
      $0.stride == 1 ? name($0.variable) : "\(name($0.variable)) * \($0.stride)"
    }
    if pointer.offset != 0 { terms.append("\(pointer.offset)") }
    return terms.joined(separator: " + ")
  }

  /// Declares the arrays of the caller: those of one type in one declaration.
  func writePorts(_ ports: [Int], _ scope: Scope, to writer: inout CWriter) {
    var rest = ports[...]
    while let first = rest.first {
      let type = portType(first)
      let alike = rest.prefix { portType($0) == type }
      let declarators = alike.map { number -> String in
        let field: String =
          switch program.buffers[number].placement {
          case .input(let index): "inputs->\(cName(program.inputs[index].name))"
          case .output(let index): "outputs->\(cName(program.outputs[index].name))"
          case .arena, .workerArena, .faults: preconditionFailure("compiler bug: not a port")
          }
        return "*const \(words.arrays[number]) = \(scope.prefix)\(field)"
      }
      writer.declaration(type, declarators)
      rest = rest.dropFirst(alike.count)
    }
  }

  private func portType(_ number: Int) -> String {
    let buffer = program.buffers[number]
    if case .input = buffer.placement { return "const \(buffer.dtype.cName)" }
    return buffer.dtype.cName
  }

  func declaration(_ number: Int, _ scope: Scope) -> String {
    let (buffer, word) = (program.buffers[number], words.arrays[number])
    let type = buffer.dtype.cName
    switch buffer.placement {
    case .input, .output:
      preconditionFailure("compiler bug: \(word) is no array of the arena")
    case .arena(let offset):
      return "\(type) *const \(word) = (\(type) *)\(place(scope.arena, offset))"
    case .faults:
      return "int32_t *const \(word) = (int32_t *)\(scope.prefix)faults"
    case .workerArena(let offset):
      return "\(type) *const \(word) = (\(type) *)\(place("own", offset))"
    }
  }

  /// `(base + offset)`.
  private func place(_ base: String, _ offset: Int) -> String {
    offset == 0 && !base.contains(" ") ? base : offset == 0 ? "(\(base))" : "(\(base) + \(offset))"
  }

  /// The buffers that steps use directly, not those used only inside functions of their own.
  func collectBuffers(_ steps: [Step], into used: inout Set<Int>) {
    for step in steps {
      switch step {
      case .call(let call):
        for pointer in call.arguments { used.insert(pointer.buffer) }
      case .loop(let loop):
        if !loop.isParallel { collectBuffers(loop.body, into: &used) }
      }
    }
  }
}

extension Buffer {
  var isPort: Bool {
    switch placement {
    case .input, .output: true
    case .arena, .workerArena, .faults: false
    }
  }

  var isOfWorker: Bool { if case .workerArena = placement { true } else { false } }
}

extension [Int] {
  /// Those of which a condition holds, and the others.
  func partitioned(by condition: (Int) -> Bool) -> ([Int], [Int]) {
    (filter(condition), filter { !condition($0) })
  }
}
