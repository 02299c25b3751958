/** A policy to start from: `countersign policy sample`, `npm start` and `manifests/sample-policy.yaml`. */
export const SAMPLE_POLICY = `# Who stands behind an agent's pod, and what its session is given.
# A namespace is governed by the label countersign.dev/policy: agents
apiVersion: countersign.dev/v1alpha1
kind: AttributionPolicy
metadata:
  name: agents
spec:
  # People, as this cluster's OIDC provider names them. Presets for EKS, GKE, AKS and certificates: docs/policy.md
  operators:
    - name: people
      preset: oidc
      with:
        prefix: 'oidc:'
        domains: [example.com]

  # Identities that start pods for people and say for whom.
  delegators:
    - name: orchestrator
      match:
        username: 'system:serviceaccount:agent-platform:orchestrator'
      operators: ['[a-z][a-z.-]*@example\\.com']

  session:
    identity: irsa
    baseRole: arn:aws:iam::111122223333:role/countersign-base
    region: eu-central-1
    # The first role that fits is the default; a pod may ask for another that fits by FAB_SESSION_ROLE_ARN.
    roles:
      - arn: arn:aws:iam::111122223333:role/agent
      - arn: arn:aws:iam::111122223333:role/agent-deploy
        groups: ['platform-engineers']
`;
