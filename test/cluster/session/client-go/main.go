// An agent's program with client-go, unchanged: it finds its configuration as every program in a pod does. It reads,
// watches, applies and enters a pod, and prints a line for each.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/remotecommand"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, namespace, pod string) error {
	config, err := configuration()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	maps := client.CoreV1().ConfigMaps(namespace)

	watch, err := maps.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=from-go"})
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	defer watch.Stop()
	wanted := corev1apply.ConfigMap("from-go", namespace).WithData(map[string]string{"written": "by client-go"})
	if _, err := maps.Apply(ctx, wanted, metav1.ApplyOptions{FieldManager: "test"}); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	event := <-watch.ResultChan()
	fmt.Println("watch", event.Type, event.Object.(*corev1.ConfigMap).Data["written"])

	found, err := maps.Get(ctx, "from-go", metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("get: %w", err)
	}
	fmt.Println("get", found.Data["written"])
	fmt.Println("exec", enter(ctx, config, client, namespace, pod))
	return nil
}

// The kubeconfig that $KUBECONFIG names, or the one of the cluster that the program runs in.
func configuration() (*rest.Config, error) {
	if path := os.Getenv("KUBECONFIG"); path != "" {
		return clientcmd.BuildConfigFromFlags("", path)
	}
	return rest.InClusterConfig()
}

// Runs a command over a WebSocket, and says what came of it.
func enter(ctx context.Context, config *rest.Config, client kubernetes.Interface, namespace, pod string) string {
	options := &corev1.PodExecOptions{Command: []string{"echo", "hello"}, Stdout: true}
	url := client.CoreV1().RESTClient().Get().Namespace(namespace).Resource("pods").Name(pod).SubResource("exec").
		VersionedParams(options, scheme.ParameterCodec).URL()
	executor, err := remotecommand.NewWebSocketExecutor(config, "GET", url.String())
	if err != nil {
		return err.Error()
	}
	var out bytes.Buffer
	if err := executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &out}); err != nil {
		return err.Error()
	}
	return out.String()
}
