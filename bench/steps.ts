export async function reportSteps(): Promise<void> {}
