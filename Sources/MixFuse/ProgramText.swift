// SPDX-License-Identifier: Apache-2.0
//
// A scheduled program as text, for `mixfuse dump --stage kernels`: what is kept where, which kernels
// run in which order, and what each computes.
//
//     program meta_gradient: arena 5440 B, 1216 B per worker
//       in0   eta.w1  f32 [1, 40]
//     buffers
//       h     f32 x 400  arena + 0         relu(x w1 + b1)
//     steps
//       for i0 in 0..<25 parallel          tasks
//         k0(x_support + 10 i0, h)         contraction, 8000 flops
//     kernels
//       k0  %3 = contract ...              maml.mix:14:9

import Kernels
import Scheduling
import TensorIR

extension Program {
  /// The whole program as text, ending in a line break.
  package var text: String {
    var printer = ProgramPrinter(program: self)
    return printer.text()
  }
}

private struct ProgramPrinter {
  let program: Program
  private var numbers: [Kernel: Int] = [:]
  private var calls: [KernelCall] = []

  init(program: Program) {
    self.program = program
  }

  mutating func text() -> String {
    number(program.steps)
    let head =
      "program \(program.name): arena \(program.arenaBytes) B, "
      + "\(program.workerArenaBytes) B per worker"
    let ports =
      program.inputs.map { port($0, "input") } + program.outputs.map { port($0, "output") }
    return
      ([head] + ports + ["  buffers"] + program.buffers.map(buffer) + ["  steps"]
      + program.steps.flatMap { lines(of: $0, indentation: "    ") } + ["  kernels"]
      + calls.enumerated().flatMap { kernelLines($0, $1) })
      .map { $0 + "\n" }.joined()
  }

  /// Numbers kernels in the order of their first calls; equal kernels share a number.
  private mutating func number(_ steps: [Step]) {
    for step in steps {
      switch step {
      case .call(let call):
        guard numbers[call.kernel] == nil else { continue }
        numbers[call.kernel] = calls.count
        calls.append(call)
      case .loop(let loop): number(loop.body)
      }
    }
  }

  private func port(_ port: Program.Port, _ direction: String) -> String {
    let bound = port.range.map { ", \($0.lowerBound) to \($0.upperBound)" } ?? ""
    return "  \(direction) \(port.name): \(port.type)\(bound)"
  }

  private func buffer(_ buffer: Buffer) -> String {
    let place =
      switch buffer.placement {
      case .input(let index): "input \(program.inputs[index].name)"
      case .output(let index): "output \(program.outputs[index].name)"
      case .arena(let offset): "arena + \(offset)"
      case .workerArena(let offset): "worker arena + \(offset)"
      case .faults: "the record of faults"
      }
    return "    \(buffer.name): \(buffer.dtype.rawValue) x \(buffer.elementCount) at \(place)"
      + (buffer.comment.isEmpty ? "" : "   // \(buffer.comment)")
  }

  private func lines(of step: Step, indentation: String) -> [String] {
    switch step {
    case .call(let call):
      return [indentation + text(of: call)]
    case .loop(let loop):
      let order = loop.isReversed ? " reversed" : ""
      let sharing = loop.isParallel ? " parallel" : ""
      let head =
        "\(indentation)for \(name(of: loop.variable)) in 0..<\(loop.tripCount)\(order)\(sharing)"
        + "   // \(loop.role)"
      return [head] + loop.body.flatMap { lines(of: $0, indentation: indentation + "  ") }
    }
  }

  private func text(of call: KernelCall) -> String {
    let arguments = call.arguments.map(text) + call.indices.map(name)
    let number = numbers[call.kernel].map(String.init) ?? "?"
    return "k\(number)(\(arguments.joined(separator: ", ")))\(call.isParallel ? " parallel" : "")"
  }

  private func text(of pointer: Pointer) -> String {
    var text = program.buffers[pointer.buffer].name
    if pointer.offset != 0 { text += " + \(pointer.offset)" }
    for term in pointer.terms { text += " + \(term.stride) \(name(of: term.variable))" }
    return text
  }

  private func name(of variable: LoopVariable) -> String { "i\(variable.index)" }

  private func kernelLines(_ number: Int, _ call: KernelCall) -> [String] {
    let kernel = call.kernel
    let kind =
      switch kernel.body {
      case .fused(let fused):
        "loop nest" + (fused.splitVariable == nil ? "" : ", split \(fused.splitExtent) ways")
      case .contraction(let plan): "contraction \(text(of: plan.shape))"
      case .attention(let plan): "attention, \(plan.shape.order.rawValue)"
      case .packing(let plan):
        "packing, \(plan.panels.blockCount) x \(plan.panels.panelCount) panels"
      }
    let provenance = call.provenance.description
    return [
      "    k\(number): \(kind), \(kernel.flops) flops, \(kernel.bytesMoved) B"
        + (provenance.isEmpty ? "" : "   // \(provenance)")
    ] + kernel.equations.map { "      \($0)" }
  }

  /// `[batch x] rows x inner . inner x columns`, as extents.
  private func text(of shape: ContractionShape) -> String {
    func extent(_ dimensions: [ContractionDimension]) -> Int {
      dimensions.reduce(1) { $0 * $1.extent }
    }
    let batch = shape.batch.isEmpty ? "" : "\(extent(shape.batch)) x "
    let inner = extent(shape.inner)
    return "\(batch)[\(extent(shape.rows)), \(inner)] . [\(inner), \(extent(shape.columns))]"
  }
}
