import { expect, it } from 'vitest';
import { documentOf } from '../../../src/iam/document.ts';
import { terraformOf } from '../../../src/iam/terraform.ts';

/** Held against `terraform fmt` and `terraform apply` by hand: it is formatted so, and evaluates to the JSON. */
it('Terraform gets the same policies, with IAM’s variables escaped, paths apart and a label for each role', () => {
  const trustPolicy = documentOf({
    Sid: 'A',
    Effect: 'Allow',
    Action: ['sts:AssumeRole'],
    Condition: { StringEquals: { 'aws:RequestTag/operator': '${sts:SourceIdentity}', 'x:y': '%{50}' } },
  });
  const permissionsPolicy = documentOf({ Sid: 'B', Effect: 'Deny', Action: 'sts:AssumeRole', Resource: '*' });
  const role = (arn: string) => ({ arn, trustPolicy, permissionsPolicy });
  const text = terraformOf({
    baseRole: role('arn:aws:iam::111122223333:role/base'),
    sessionRoles: [role('arn:aws:iam::111122223333:role/team/a/x.y'), role('arn:aws:iam::111122223333:role/x@y')],
    serviceControlPolicy: permissionsPolicy,
  });
  expect(text).toContain(`
resource "aws_iam_role" "session_x_y" {
  name = "x.y"
  path = "/team/a/"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "A"
        Effect = "Allow"
        Action = ["sts:AssumeRole"]
        Condition = {
          StringEquals = {
            "aws:RequestTag/operator" = "$\${sts:SourceIdentity}"
            "x:y"                     = "%%{50}"
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "session_x_y" {
  name = "countersign-denials"
  role = aws_iam_role.session_x_y.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "B"
        Effect   = "Deny"
        Action   = "sts:AssumeRole"
        Resource = "*"
      },
    ]
  })
}
`);
  expect(text).toContain('resource "aws_iam_role" "session_x_y_2" {\n  name = "x@y"\n  path = "/"\n');
});
