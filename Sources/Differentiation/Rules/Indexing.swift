// SPDX-License-Identifier: Apache-2.0
//
// Rules of the ops that read and write rows by index. Each is linear in its float operand and the
// transpose of the other, so the adjoint of a table never becomes a dense one-hot product.

import TensorIR

/// `table_adj`: the adjoints of the rows that were read, added up per row of the table.
var gatherRule: DerivativeRule {
  .linear(steering: [1]) { scope, adjoint, _ in
    let rows = scope.builder.shape(of: scope.operands[0])[0]
    return scope.builder.scatterAdd(scope.operands[1], adjoint, rows: rows)
  }
}

/// `updates_adj`: the adjoint of the row that each update was added to.
var scatterAddRule: DerivativeRule {
  .linear(steering: [0]) { scope, adjoint, _ in
    scope.builder.gather(adjoint, scope.operands[0])
  }
}
